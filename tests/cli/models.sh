# Small models for the command-line cases, written where they are needed: program text, and the few bytes of
# Protocol Buffers that a description takes. Sourced by run.sh before each case.
# shellcheck shell=bash

skip() { # REASON
  echo "$1" >&2
  exit 77
}

# Parts that the build left out are named in $POME_WITHOUT, as the options WITH_... call them.
need_part() { # PART
  [[ " ${POME_WITHOUT:-} " != *" $1 "* ]] || skip "built without $1"
}

need_folio() {
  need_part llm
  [[ -d $FOLIO ]] || skip "there is no models/folio"
}

# talk COMMAND...: runs it on a terminal, by the steps on the standard input; see pty.c.
talk() {
  [[ -x ${POME_PTY:-} ]] || skip "POME_PTY names no program"
  "$POME_PTY" "$@"
}

# add.mil: sum = x + y in fp32, and the same in fp16.
make_add() {
  cat >add.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [2, 3]> x, tensor<fp32, [2, 3]> y) {
            tensor<fp32, [2, 3]> sum = add(x = x, y = y)[name = tensor<string, []>("sum")];
            tensor<fp16, [2, 3]> half = cast(dtype = tensor<string, []>("fp16"), x = sum)[name = tensor<string, []>("half")];
        } -> (sum, half);
}
MIL
}

# total.mil: adds `step` to a state and gives the state.
make_total() {
  cat >total.mil <<'MIL'
program(1.3)
{
    func main<ios18>(tensor<fp16, [1]> step, state<tensor<fp16, [1]>> total) {
            tensor<fp16, [1]> before = read_state(input = total)[name = string("before")];
            tensor<fp16, [1]> after = add(x = before, y = step)[name = string("after")];
            write_state(data = after, input = total)[name = string("keep")];
            tensor<fp16, [1]> now = read_state(input = total)[name = string("now")];
        } -> (now);
}
MIL
}

# index.mil: one int32 input, doubled.
make_index() {
  cat >index.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<int32, [2]> i) {
            tensor<int32, [2]> twice = add(x = i, y = i)[name = tensor<string, []>("twice")];
        } -> (twice);
}
MIL
}

# two.mil: functions `twice` and `square`.
make_two() {
  cat >two.mil <<'MIL'
program(1.3)
{
    func square<ios18>(tensor<fp32, [2]> x) {
            tensor<fp32, [2]> squared = mul(x = x, y = x)[name = string("squared")];
        } -> (squared);
    func twice<ios18>(tensor<fp32, [2]> x) {
            tensor<fp32, [2]> doubled = add(x = x, y = x)[name = string("doubled")];
        } -> (doubled);
}
MIL
}

# ---- Protocol Buffers, as hexadecimal text ----

hex_varint() { # NUMBER
  local n=$1 out=
  while ((n > 127)); do
    out+=$(printf '%02x' $((n & 127 | 128)))
    n=$((n >> 7))
  done
  printf '%s%02x' "$out" "$n"
}
hex_number() { printf '%s%s' "$(hex_varint $(($1 << 3)))" "$(hex_varint "$2")"; } # FIELD NUMBER
hex_bytes() { printf '%s%s%s' "$(hex_varint $(($1 << 3 | 2)))" "$(hex_varint $((${#2} / 2)))" "$2"; } # FIELD HEX
hex_text() { # FIELD TEXT
  local i out=
  for ((i = 0; i < ${#2}; i++)); do out+=$(printf '%02x' "'${2:i:1}"); done
  hex_bytes "$1" "$out"
}
put_hex() { # HEX
  local i
  for ((i = 0; i < ${#1}; i += 2)); do printf '%b' "\\x${1:i:2}"; done
}

# flexible.mlmodelc: y = x + x for x of shape [2..5]. The description stands behind its length in coremldata.bin.
make_flexible() {
  mkdir -p flexible.mlmodelc
  cat >flexible.mlmodelc/model.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [?]> x) {
            tensor<fp32, [?]> y = add(x = x, y = x)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL
  local range array input output description size
  range=$(hex_bytes 31 "$(hex_bytes 1 "$(hex_number 1 2)$(hex_number 2 5)")")
  array=$(hex_bytes 5 "$(hex_number 1 3)$(hex_number 2 65568)$range")
  input=$(hex_bytes 1 "$(hex_text 1 x)$(hex_bytes 3 "$array")")
  output=$(hex_bytes 10 "$(hex_text 1 y)$(hex_bytes 3 "$(hex_bytes 5 "$(hex_number 2 65568)")")")
  description=$input$output
  size=$((${#description} / 2))
  put_hex "f6010000$(printf '%02x' $size)00000000000000$description" >flexible.mlmodelc/coremldata.bin
}

# blob.mlmodelc: a weight of four fp32 whose record lies at RECORD and whose data at DATA of a 144-byte file.
make_blob() { # RECORD DATA
  mkdir -p blob.mlmodelc/weights
  put_hex "0100000002000000$(printf '00%.0s' {1..56})" >blob.mlmodelc/weights/weight.bin
  put_hex "efbeadde020000001000000000000000$(printf '%02x%02x' $(($2 & 255)) $(($2 >> 8)))$(printf '00%.0s' {1..46})" \
    >>blob.mlmodelc/weights/weight.bin
  put_hex 0000803f000000400000404000008040 >>blob.mlmodelc/weights/weight.bin
  cat >blob.mlmodelc/model.mil <<MIL
program(1.0)
{
    func main<ios16>(tensor<fp32, [4]> x) {
            tensor<fp32, [4]> w = const()[name = tensor<string, []>("w"), val = tensor<fp32, [4]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>($1)))];
            tensor<fp32, [4]> y = add(x = x, y = w)[name = tensor<string, []>("y")];
        } -> (y);
}
MIL
}

# package NAME PATH: a .mlpackage whose manifest names PATH as its model.
make_package() {
  mkdir -p "$1/Data"
  cat >"$1/Manifest.json" <<JSON
{"fileFormatVersion": "1.0.0", "rootModelIdentifier": "A",
 "itemInfoEntries": {"A": {"author": "test", "description": "", "name": "model.mlmodel", "path": "$2"}}}
JSON
}

# FILE.npz with one array NAME of TYPE and SHAPE.
make_array() { # FILE.npz NAME TYPE SHAPE VALUE
  cat >archive.mil <<MIL
program(1.3)
{
    func main<ios18>(tensor<$3, [$4]> from_$2) {
            tensor<$3, [$4]> $2 = identity(x = from_$2)[name = string("$2")];
        } -> ($2);
}
MIL
  "$POME" predict archive.mil -i from_"$2"="$5" -o "$1"
}
make_archive() { make_array "$1" "$2" fp16 1 "$3"; } # FILE.npz NAME VALUE

# roots.mil: y = 1 / sqrt(x) of four numbers: 0 gives infinity, negative ones NaN.
make_roots() {
  cat >roots.mil <<'MIL'
program(1.3)
{
    func main<ios18>(tensor<fp32, [4]> x) {
            tensor<fp32, [4]> root = sqrt(x = x)[name = string("root")];
            tensor<fp32, [4]> y = real_div(x = fp32(1), y = root)[name = string("y")];
        } -> (y);
}
MIL
}

# four: a golden folder for a model that hands its four numbers on; TOLERANCE is the call's.
make_four() { # TOLERANCE EXPECTED
  mkdir -p four
  make_array four/out.npz y fp32 4 "$2"
  cp archive.mil four/model.mil
  make_array four/in.npz from_y fp32 4 '[1, 2, 3, 4]'
  echo "{\"model\": \"model.mil\", \"calls\": [{\"inputs\": \"in.npz\", \"outputs\": \"out.npz\", \"tolerance\": $1}]}" >four/golden.json
}

# golden: three calls of total.mil, the second on the state of the first. TOTAL is what the second should give.
make_golden() { # TOTAL
  make_total
  mkdir -p golden
  make_archive golden/in_0.npz step 1
  make_archive golden/out_0.npz now 1
  make_archive golden/in_1.npz step 2.5
  make_archive golden/out_1.npz now "$1"
  cat >golden/golden.json <<JSON
{"model": "../total.mil", "source": "by hand", "calls": [
  {"inputs": "in_0.npz", "outputs": "out_0.npz", "state": "new"},
  {"inputs": "in_1.npz", "outputs": "out_1.npz", "state": "keep"},
  {"inputs": "in_0.npz", "outputs": "out_0.npz", "state": "new", "tolerance": {"now": {"max_abs": 0}}}],
 "tolerance": {"atol": 0.001, "rtol": 0}}
JSON
}

# picture.mlmodelc: an image `in` of LAYOUT (20 RGB, 30 BGR, 10 gray) and 3 x 2 pixels, and `out` of the same, inverted:
# 255 minus each value, and 16 more for the first channel that the program sees.
make_picture() { # LAYOUT
  local channels=3 shift='[[16]], [[0]], [[0]]' shape image description
  [[ $1 == 10 ]] && channels=1 shift='[[16]]'
  mkdir -p picture.mlmodelc
  shape="[1, $channels, 2, 3]"
  cat >picture.mlmodelc/model.mil <<MIL
program(1.0)
{
    func main<ios16>(tensor<fp32, $shape> in) {
            tensor<fp32, $shape> turned = sub(x = tensor<fp32, []>(255), y = in)[name = tensor<string, []>("turned")];
            tensor<fp32, [1, $channels, 1, 1]> more = const()[name = tensor<string, []>("more"), val = tensor<fp32, [1, $channels, 1, 1]>([[$shift]])];
            tensor<fp32, $shape> out = add(x = turned, y = more)[name = tensor<string, []>("out")];
        } -> (out);
}
MIL
  image=$(hex_bytes 3 "$(hex_bytes 4 "$(hex_number 1 3)$(hex_number 2 2)$(hex_number 3 "$1")")")
  description=$(hex_bytes 1 "$(hex_text 1 in)$image")$(hex_bytes 10 "$(hex_text 1 out)$image")
  put_hex "f6010000$(printf '%02x' $((${#description} / 2)))00000000000000$description" >picture.mlmodelc/coremldata.bin
}

# classes.mil: three probabilities, by the labels cat, dog and 犬.
make_classes() {
  cat >classes.mil <<'MIL'
program(1.0)
{
    func main<ios16>(tensor<fp32, [1, 3]> p) {
            tensor<string, []> label, dict<tensor<string, []>, tensor<fp64, []>> label_probs = classify(classes = list<tensor<string, []>, 3>(["cat", "dog", "犬"]), probabilities = p)[name = tensor<string, []>("label")];
        } -> (label, label_probs);
}
MIL
}

# Pictures of 3 x 2 pixels. colors.png: red, green, blue; (10, 20, 30), (40, 50, 60), white. alpha.png: the same with an alpha
# channel. gray.png: 255, 0, 0; 10, 40, 255. even.jpg: gray, 100 everywhere.
make_pictures() {
  put_hex 89504e470d0a1a0a0000000d49484452000000030000000208020000001216f14d0000001849444154789c63f8cfc0c000c15c22721a4636ffffff0700378706cd45b031d90000000049454e44ae426082 >colors.png
  put_hex 89504e470d0a1a0a0000000d49484452000000030000000208060000009d74661a0000002349444154789c63f8cfc0c0c0f09fa18181e1ff7f062e1139460d231ba6ffffff3303006263085295d647110000000049454e44ae426082 >alpha.png
  put_hex 89504e470d0a1a0a0000000d4948445200000003000000020800000000b81f39c6000000104944415478da63f8cfc0c0c0a5f11f00086e0231c4a4ede90000000049454e44ae426082 >gray.png
  put_hex ffd8ffe000104a46494600010100000100010000ffdb004300100b0c0e0c0a100e0d0e1211101318281a181616183123251d283a333d3c3933383740485c4e404457453738506d51575f626768673e4d71797064785c656763ffc0000b080002000301011100ffc40014000100000000000000000000000000000004ffc40014100100000000000000000000000000000000ffda0008010100003f000bffd9 >even.jpg
}

# weighted.mil: names a weight file that is not there.
make_weighted() {
  cat >weighted.mil <<'TEXT'
program(1.0)
{
    func main<ios16>(tensor<fp32, [12]> x) {
            tensor<fp32, [12]> w = const()[name = tensor<string, []>("w"), val = tensor<fp32, [12]>(BLOBFILE(path = tensor<string, []>("@model_path/weights/weight.bin"), offset = tensor<uint64, []>(64)))];
            tensor<fp32, [12]> y = add(x = x, y = w)[name = tensor<string, []>("y")];
        } -> (y);
}
TEXT
}

# overflow.mil: 256 x squared leaves fp16 at x = 1; what follows makes infinities and NaN of it.
make_overflow() {
  cat >overflow.mil <<'MIL'
program(1.3)
{
    func main<ios18>(tensor<fp16, [2, 2]> x) {
            tensor<fp16, [2, 2]> big = mul(x = x, y = fp16(256))[name = string("big")];
            tensor<fp16, [2, 2]> square = mul(x = big, y = big)[name = string("square")];
            tensor<fp16, [2, 2]> back = real_div(x = square, y = fp16(65000))[name = string("back")];
            tensor<fp16, [2, 2]> gone = sub(x = back, y = back)[name = string("gone")];
        } -> (gone, back);
}
MIL
}

# cancel.mil: numbers that are rounded to fp16 and then add up to almost nothing. SCALE multiplies them first.
make_cancel() { # FILE.mil SCALE
  cat >"$1" <<MIL
program(1.3)
{
    func main<ios18>(tensor<fp16, [6]> x) {
            tensor<fp16, [6]> scaled = mul(x = x, y = fp16($2))[name = string("scaled")];
            tensor<fp16, [6]> shifted = add(x = scaled, y = fp16(0.5))[name = string("shifted")];
            tensor<fp16, [1]> total = reduce_sum(x = shifted, axes = tensor<int32, [1]>([0]), keep_dims = bool(true))[name = string("total")];
            tensor<fp16, [1]> y = tanh(x = total)[name = string("y")];
        } -> (y);
}
MIL
}

# Little-endian numbers and texts behind their length, as GGUF has them.
hex_little() { # NUMBER BYTES
  local i
  for ((i = 0; i < $2; i++)); do printf '%02x' $(($1 >> 8 * i & 255)); done
}
# weight.bin with one record of BYTES zeros, of the blob type TYPE.
make_zero_weights() { # TYPE BYTES
  put_hex "$(hex_little 1 4)$(hex_little 2 4)$(hex_little 0 56)" >weight.bin
  put_hex "$(hex_little $((0xDEADBEEF)) 4)$(hex_little "$1" 4)$(hex_little "$2" 8)$(hex_little 128 8)$(hex_little 0 40)" >>weight.bin
  truncate -s $((128 + $2)) weight.bin
}
hex_counted() { printf '%s%s' "$(hex_little ${#1} 8)" "$(printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n')"; } # TEXT
hex_texts() { # KEY TEXT...
  local text
  hex_counted "$1"
  printf '%s%s%s' "$(hex_little 9 4)" "$(hex_little 8 4)" "$(hex_little $(($# - 1)) 8)"
  for text in "${@:2}"; do hex_counted "$text"; done
}
hex_u32() { printf '%s%s%s' "$(hex_counted "$1")" "$(hex_little 4 4)" "$(hex_little "$2" 4)"; } # KEY NUMBER
hex_entry() { printf '%s%s%s' "$(hex_counted "$1")" "$(hex_little 8 4)" "$(hex_counted "$2")"; } # KEY TEXT

# tiny.gguf of VERSION (3): two tensors, a vocabulary of nine tokens cut by FAMILY (gpt-2), and two chat templates.
make_gguf() { # [VERSION [FAMILY]]
  local entries tensors hex
  entries=$(
    hex_entry general.architecture llama
    hex_u32 llama.block_count 2
    hex_entry tokenizer.ggml.model gpt2
    hex_entry tokenizer.ggml.pre "${2:-gpt-2}"
    hex_texts tokenizer.ggml.tokens a b ab $'\xc4\xa0' $'\xc4\xa0ab' '<|end|>' '!' $'\xc3\x83' $'\xc2\xa9'
    hex_texts tokenizer.ggml.merges 'a b' $'\xc4\xa0 ab'
    hex_u32 tokenizer.ggml.eos_token_id 5
    hex_entry tokenizer.chat_template $'{{ messages[0].content }}{{ eos_token }}'
    hex_texts tokenizer.chat_templates tool_use
    hex_entry tokenizer.chat_template.tool_use 'tools: {{ tools | length }}'
  )
  tensors="$(hex_counted out.weight)$(hex_little 2 4)$(hex_little 32 8)$(hex_little 2 8)$(hex_little 8 4)$(hex_little 0 8)"
  tensors+="$(hex_counted norm)$(hex_little 1 4)$(hex_little 4 8)$(hex_little 0 4)$(hex_little 96 8)"
  hex="47475546$(hex_little "${1:-3}" 4)$(hex_little 2 8)$(hex_little 10 8)$entries$tensors"
  while ((${#hex} % 64 != 0)); do hex+=00; done
  put_hex "$hex$(printf '00%.0s' {1..112})" >tiny.gguf
}
