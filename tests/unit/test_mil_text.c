/* Program text: what is printed is read back equal, real files print byte for byte, and broken text
 * is refused with its place. */
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "mil_programs.h"
#include "program_equal.h"
#include "tensor/element.h"
#include "wire/mil_number.h"

static const pome__blob_source tiny_blobs = {NULL, tiny_weights_file};

static pome_status parse_text(const char *text, size_t size, pome__program **program,
                              pome_error *error) {
  return pome__load_mil_text((pome__bytes){(const uint8_t *)text, size}, &tiny_blobs, NULL, 0,
                             program, error);
}

static pome__program *must_parse(const char *text, size_t size) {
  pome__program *program = NULL;
  pome_error error = {.status = POME_OK};
  if (parse_text(text, size, &program, &error) != POME_OK ||
      pome__program_verify(program, &error) != POME_OK) {
    fail_msg("line %u column %u: %s", error.line, error.column, error.message);
  }
  return program;
}

/* Prints, reads back, compares, prints again. */
static void round_trip(pome__program *program) {
  const char *why = "";
  text_buffer first = print_program(program);
  pome__program *again = must_parse(first.text, first.size);
  if (!program_equal(program, again, &why)) fail_msg("%s in\n%.2000s", why, first.text);
  text_buffer second = print_program(again);
  assert_string_equal(first.text, second.text);
  pome__program_free(again);
  free(first.text);
  free(second.text);
}

static void printed_programs_are_read_back_equal(void **state) {
  (void)state;
  static const pome__opset both[2] = {POME__IOS17, POME__IOS18};
  for (int i = 0; i < 2; i++) {
    pome__program *programs[3] = {simple_program(), nested_program(both[i]),
                                  literal_program(both[i])};
    for (int k = 0; k < 3; k++) {
      round_trip(programs[k]);
      pome__program_free(programs[k]);
    }
  }
}

static const char old_form[] =
    "program(1.0)\n"
    "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"a\", \"1\"}, {\"b\", \"2\"}})]\n"
    "{\n"
    "    func main<ios16>(tensor<fp16, [1, ?]> x) [FlexibleShapeInformation = "
    "tuple<tuple<tensor<string, []>, "
    "dict<tensor<string, []>, list<tensor<int32, [2]>, ?>>>>(((\"RangeDims\", {{\"x\", [[1, 1], "
    "[1, 32000]]}})))] {\n"
    "            tensor<fp16, [3]> w = const()[name = tensor<string, []>(\"w\"), val = "
    "tensor<fp16, [3]>(BLOBFILE(path = "
    "tensor<string, []>(\"@model_path/weights/weight.bin\"), offset = tensor<uint64, []>(64)))];\n"
    "            tensor<fp32, [2, 1]> e = const()[name = tensor<string, []>(\"e\"), val = "
    "tensor<fp32, [2, "
    "1]>([[0x1p-149], [-inf]])];\n"
    "            tensor<fp16, [2]> d = constexpr_affine_dequantize()[axis = tensor<int32, []>(0), "
    "name = tensor<string, "
    "[]>(\"d\"), quantized_data = tensor<int8, [2]>([-128, 127])];\n"
    "            tensor<fp16, [1]> p, tensor<fp16, [1]> q = split(x = x)[name = tensor<string, "
    "[]>(\"s\")];\n"
    "            tensor<fp16, [?]> v = concat(interleave = tensor<bool, []>(false), values = (p, "
    "q))[name = "
    "tensor<string, []>(\"v\")];\n"
    "        } -> (v, w);\n"
    "}";

static const char new_form[] =
    "program(1.3)\n"
    "[buildInfo = dict<string, string>({{\"a\", \"1\"}})]\n"
    "{\n"
    "    func main<ios18>(state<tensor<fp16, [3]>> kv, int32 n) {\n"
    "            fp16 a = const()[name = string(\"a\"), val = fp16(0x1.8p+1)];\n"
    "            tensor<fp16, [3]> w = const()[name = string(\"w\"), val = tensor<fp16, "
    "[3]>(BLOBFILE(path = "
    "string(\"@model_path/weights/weight.bin\"), offset = uint64(64)))];\n"
    "            tensor<uint4, [3]> u = const()[name = string(\"u\"), val = tensor<uint4, [3]>([0, "
    "7, 15])];\n"
    "            write_state(data = w, input = kv)[name = string(\"write\")];\n"
    "        } -> (a);\n"
    "    func other<ios18>() {\n"
    "        } -> ();\n"
    "}";

static void text_is_printed_as_compilers_write_it(void **state) {
  (void)state;
  const char *const samples[2] = {old_form, new_form};
  for (int i = 0; i < 2; i++) {
    pome__program *program = must_parse(samples[i], strlen(samples[i]));
    text_buffer printed = print_program(program);
    assert_string_equal(printed.text, samples[i]);
    free(printed.text);
    pome__program_free(program);
  }
}

static void arguments_are_printed_by_name(void **state) {
  (void)state;
  static const char given[] =
      "program(1.3) { func main<ios18>(fp16 x, fp16 z) {"
      " fp16 s = select(cond = bool(true), b = z, a = x)[name = string(\"s\")]; } -> (s); }";
  pome__program *program = must_parse(given, strlen(given));
  text_buffer printed = print_program(program);
  assert_non_null(strstr(printed.text, "select(a = x, b = z, cond = "));
  free(printed.text);
  pome__program_free(program);
}

static void weights_come_from_the_file(void **state) {
  (void)state;
  static const uint16_t expected[3] = {0x3c00, 0x4000, 0x4200};
  pome__program *program = must_parse(new_form, strlen(new_form));
  const pome__literal *w = program->functions[0]->body->ops[1]->outputs[0]->literal;
  assert_int_equal(w->blob_offset, 64);
  assert_int_equal(w->bytes, sizeof(expected));
  assert_memory_equal(w->data, expected, sizeof(expected));
  pome__program_free(program);
}

static pome_status refuse_text(void *context, const char *text, size_t size) {
  (void)text;
  (void)size;
  return ++*(int *)context == 2 ? POME_IO : POME_OK;
}

static void a_failing_writer_ends_the_printing(void **state) {
  (void)state;
  pome_error error = {.status = POME_OK};
  int calls = 0;
  pome__program *program = literal_program(POME__IOS17);
  assert_int_equal(pome__program_print(program, refuse_text, &calls, &error), POME_IO);
  assert_int_equal(error.status, POME_IO);
  assert_int_equal(calls, 2);
  pome__program_free(program);
}

/* ---- numbers and strings ---- */

static pome__bytes bytes_of(const char *text) {
  return (pome__bytes){(const uint8_t *)text, strlen(text)};
}

static void numbers_are_read_exactly(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } good[] = {
      {"0", 0},
      {"-1", -1},
      {"+2.5", 2.5},
      {".5", 0.5},
      {"5.", 5},
      {"1e3", 1000},
      {"1E-2", 0.01},
      {"0.1", 0.1},
      {"0x1p+0", 1},
      {"-0x1.8p+1", -3},
      {"0X.8P1", 1},
      {"0xff", 255},
      {"0x1.fffffffffffff8p0", 2},
      {"0x1.00000000000008p0", 1},
      {"0x1.000000000000080000001p0", 1.0000000000000002},
      {"0x1p-1074", 4.9406564584124654e-324},
      {"0x1p99999999999999999999", INFINITY},
      {"0x1p-99999999999999999999", 0},
      {"1e999", INFINITY},
      {"inf", INFINITY},
      {"-infinity", -INFINITY},
      {"0x100000000000000000000000000000p-112", 16},
  };
  static const char *const bad[] = {"",     "-",      ".",     "1e",   "1e+", "0x", "0xg",
                                    "0x1p", "0x1p+x", "1.2.3", "nano", "1f",  "e5"};
  double value;
  for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
    assert_true(pome__text_double(bytes_of(good[i].text), &value));
    if (value != good[i].value) fail_msg("%s was read as %a", good[i].text, value);
  }
  for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
    if (pome__text_double(bytes_of(bad[i]), &value))
      fail_msg("\"%s\" was read as %a", bad[i], value);
  }
  assert_true(pome__text_double(bytes_of("-nan"), &value));
  assert_true(value != value);
  bool negative;
  uint64_t magnitude;
  assert_true(pome__text_integer(bytes_of("18446744073709551615"), &negative, &magnitude));
  assert_true(magnitude == UINT64_MAX && !negative);
  assert_true(pome__text_integer(bytes_of("-0x10"), &negative, &magnitude));
  assert_true(magnitude == 16 && negative);
  assert_false(pome__text_integer(bytes_of("18446744073709551616"), &negative, &magnitude));
  assert_false(pome__text_integer(bytes_of("1.0"), &negative, &magnitude));
  assert_false(pome__text_integer(bytes_of("-"), &negative, &magnitude));
}

static void escapes_are_undone(void **state) {
  (void)state;
  char out[32];
  size_t size;
  assert_true(pome__text_unescape(bytes_of("a\\n\\\"\\\\\\x41\\x00z"), out, &size));
  assert_int_equal(size, 7);
  assert_memory_equal(out, "a\n\"\\A\0z", 7);
  assert_false(pome__text_unescape(bytes_of("\\"), out, &size));
  assert_false(pome__text_unescape(bytes_of("\\q"), out, &size));
  assert_false(pome__text_unescape(bytes_of("\\x4"), out, &size));
  assert_false(pome__text_unescape(bytes_of("\\xg0"), out, &size));
}

/* ---- refusals ---- */

#define HEAD                 "program(1.0)\n{\nfunc main<ios17>(tensor<fp16, [2]> x) {\n"
#define TAIL                 "} -> (x);\n}"
#define CONST(type, content) HEAD type " c = const()[val = " type "(" content ")];\n" TAIL

static const struct {
  const char *text;
  const char *says;
  uint32_t line, column;
} refusals[] = {
    {"", "program is expected", 1, 1},
    {"program(2.0)\n{}", "version 1.x", 1, 9},
    {"program(1.0)\n{}\nx", "end of the text", 3, 1},
    {"program(1.0)\n{\nfunc main<ios99>() {} -> ();\n}", "ios99", 3, 11},
    {"program(1.0)\n{\x01", "no place in program text", 2, 2},
    {"program(1.0)\n[a = string(\"b]{}", "not closed", 2, 13},
    {"program(1.0)\n[a = string(\"\\q\")]\n{}", "escape", 2, 13},
    {"program(1.0)\n[a = state<fp16>(1)]\n{}", "has constants", 2, 18},
    {"program(1.0)\n[a = dict<string>({})]\n{}", "another element type", 2, 18},
    {"program(1.0)\n[a = state<fp16, fp16>(1)]\n{}", "after the last", 2, 18},
    {"program(1.0)\n[a = tuple<fp16, fp16>((1))]\n{}", "1 items", 2, 24},
    {"program(1.0)\n[a = tuple<fp16>((1, 2))]\n{}", "all its items", 2, 22},
    {"program(1.0)\n[a = list<fp16, 3>([1, 2])]\n{}", "2 items", 2, 20},
    {HEAD "tensor<fp16, [2]> y = relu(x = z);\n" TAIL, "z is not defined", 4, 32},
    {HEAD "tensor<fp16, [2]> y = relu(x = y);\n" TAIL, "y is not defined", 4, 32},
    {HEAD "tensor<fp16, [2]> x = relu(x = x);\n" TAIL, "x is already defined", 4, 19},
    {HEAD "fp16 y, fp16 y = relu(x = x);\n" TAIL, "y is defined twice", 4, 1},
    {HEAD "tensor<fp17, [2]> y = relu(x = x);\n" TAIL, "a type is expected, not 'fp17'", 4, 8},
    {HEAD "tensor<fp16, [-2]> y = relu(x = x);\n" TAIL, "not negative", 4, 15},
    {HEAD "tensor<fp16, [1,1,1,1,1,1,1,1,1]> y = relu(x = x);\n" TAIL, "more than 8", 4, 31},
    {HEAD "fp16 y = relu(x = x)\n" TAIL, "; is expected", 5, 1},
    {HEAD "fp16 y = relu(x = x)[name = fp16(1)];\n" TAIL, "must be a string", 4, 29},
    {HEAD "fp16 y = cond() { x };\n" TAIL, "block or }", 4, 19},
    {CONST("tensor<fp16, [2]>", "[1]"), "1 items stands where dimension 0 is 2", 4, 55},
    {CONST("tensor<fp16, [2]>", "[1, 2, 3]"), "all its elements", 4, 62},
    {CONST("tensor<fp16, [2]>", "1"), "[ is expected", 4, 55},
    {CONST("tensor<fp16, [2]>", "[1, true]"), "a number is expected", 4, 59},
    {CONST("tensor<fp16, ?>", "[1]"), "must be known", 4, 51},
    {CONST("tensor<fp16, [1000000]>", "[1]"), "fewer elements", 4, 67},
    {CONST("tensor<fp16, [9223372036854775807, 9223372036854775807]>", "[1]"), "fewer elements", 4,
     133},
    {CONST("tensor<int8, []>", "128"), "int8 can hold", 4, 53},
    {CONST("tensor<int8, []>", "-129"), "int8 can hold", 4, 53},
    {CONST("tensor<uint4, []>", "-1"), "uint4 can hold", 4, 55},
    {CONST("tensor<int32, []>", "1.5"), "int32 can hold", 4, 55},
    {CONST("tensor<uint64, []>", "18446744073709551616"), "uint64 can hold", 4, 57},
    {CONST("tensor<bool, []>", "1"), "true or false", 4, 53},
    {CONST("tensor<string, []>", "a"), "a string is expected", 4, 57},
    {CONST("fp16", "BLOBFILE(path = string(\"w\"), offset = uint64(64))"),
     "holds 3 elements of fp16", 4, 29},
    {CONST("tensor<fp32, [3]>", "BLOBFILE(path = string(\"w\"), offset = uint64(64))"),
     "holds 3 elements of fp16", 4, 55},
    {CONST("tensor<fp16, [3]>", "BLOBFILE(path = string(\"w\"), offset = uint64(65))"), "", 4, 55},
    {CONST("tensor<fp16, [3]>", "BLOBFILE(path = string(BLOBFILE(path"), "a value is expected", 4,
     78},
    {CONST("tensor<fp16, [3]>", "BLOBFILE(path = uint64(1))"), "scalar of type string", 4, 71},
    {CONST("tensor<fp16, [3]>", "BLOBFILE(file = uint64(1))"), "path is expected", 4, 64},
};

static void broken_text_is_refused_at_its_place(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
    pome__program *program = NULL;
    pome_error error = {.status = POME_OK};
    pome_status status = parse_text(refusals[i].text, strlen(refusals[i].text), &program, &error);
    if (status == POME_OK || status != error.status || program != NULL ||
        error.line != refusals[i].line || error.column != refusals[i].column ||
        strstr(error.message, refusals[i].says) == NULL) {
      print_error("case %zu: status %d, %u:%u not %u:%u, \"%s\" for \"%s\" in\n%s\n", i,
                  (int)status, error.line, error.column, refusals[i].line, refusals[i].column,
                  error.message, refusals[i].says, refusals[i].text);
      fail();
    }
  }
}

static void no_weight_file_is_an_error(void **state) {
  (void)state;
  pome__program *program = NULL;
  pome_error error = {.status = POME_OK};
  assert_int_equal(pome__load_mil_text(bytes_of(old_form), NULL, NULL, 0, &program, &error),
                   POME_INPUT);
  assert_non_null(strstr(error.message, "weight file"));
}

/* Every prefix must be refused; every one-byte change must be refused or read, without reading
 * outside the text. */
static void damaged_text_never_harms(void **state) {
  (void)state;
  const char *const samples[2] = {old_form, new_form};
  for (int s = 0; s < 2; s++) {
    size_t size = strlen(samples[s]);
    for (size_t i = 0; i < size; i++) {
      pome__program *program = NULL;
      pome_error error = {.status = POME_OK};
      char *copy = malloc(size);
      assert_non_null(copy);
      memcpy(copy, samples[s], i);
      char *prefix = realloc(copy, i == 0 ? 1 : i);
      assert_int_not_equal(parse_text(prefix, i, &program, &error), POME_OK);
      assert_null(program);
      free(prefix);
    }
    for (size_t i = 0; i < size; i++) {
      static const char replacements[] = "(]}<\"?,-0z \x80";
      for (size_t k = 0; k < sizeof(replacements); k++) {
        char *copy = malloc(size);
        assert_non_null(copy);
        memcpy(copy, samples[s], size);
        copy[i] = replacements[k];
        pome__program *program = NULL;
        pome_error error = {.status = POME_OK};
        pome_status status = parse_text(copy, size, &program, &error);
        assert_int_equal(status, error.status);
        if (status == POME_OK) {
          (void)pome__program_verify(program, NULL);
          pome__program_free(program);
        }
        free(copy);
      }
    }
  }
}

/* `head` and then a million times `piece`. */
static void refuse_deep(const char *head, const char *piece) {
  size_t count = 1000000, head_size = strlen(head), size = strlen(piece);
  char *text = malloc(head_size + count * size);
  pome__program *program = NULL;
  pome_error error = {.status = POME_OK};
  assert_non_null(text);
  memcpy(text, head, head_size);
  for (size_t i = 0; i < count; i++) memcpy(text + head_size + i * size, piece, size);
  assert_int_equal(parse_text(text, head_size + count * size, &program, &error), POME_INPUT);
  assert_null(program);
  free(text);
}

static void deep_nesting_is_refused(void **state) {
  (void)state;
  refuse_deep("program(1.0)[a = ", "tuple<");
  refuse_deep("program(1.0)[a = ", "list<");
  refuse_deep("program(1.0)[a = tensor<fp16, [?]>(", "[");
  refuse_deep("program(1.0)[a = tensor<fp16, [1]>(", "[");
  refuse_deep("program(1.0)[a = tuple<tuple<fp16>>(", "(");
  refuse_deep(HEAD, "cond() { block() {");
  refuse_deep(HEAD "f(a = ", "(");
  refuse_deep(HEAD "f(a = string(", "BLOBFILE(path = string(");
  refuse_deep(HEAD, "{");
  refuse_deep("", "(");
}

static void long_lists_are_read(void **state) {
  (void)state;
  enum { COUNT = 300000 };
  text_buffer text = {NULL, 0, 0};
  append_text(&text, HEAD, strlen(HEAD));
  const char *head = "tensor<fp32, [300000]> c = const()[val = tensor<fp32, [300000]>([";
  append_text(&text, head, strlen(head));
  for (int i = 0; i < COUNT; i++) {
    char item[32];
    append_text(&text, item, (size_t)snprintf(item, sizeof(item), i == 0 ? "%d" : ", 0x%xp-1", i));
  }
  append_text(&text, ")", 0);
  append_text(&text, "])];\n" TAIL, strlen("])];\n" TAIL));
  pome__program *program = must_parse(text.text, text.size);
  const float *values = program->functions[0]->body->ops[0]->outputs[0]->literal->data;
  for (int i = 0; i < COUNT; i++) assert_true(values[i] == (float)i / 2);
  pome__program_free(program);
  free(text.text);
}

/* ---- memory ---- */

typedef struct {
  long left; /* allocations that still succeed */
  long live;
} failing_memory;

static void *failing_allocate(void *context, size_t size) {
  failing_memory *memory = context;
  if (memory->left-- <= 0) return NULL;
  memory->live++;
  return malloc(size);
}

static void *failing_reallocate(void *context, void *pointer, size_t old_size, size_t new_size) {
  (void)old_size;
  failing_memory *memory = context;
  if (memory->left-- <= 0) return NULL;
  if (pointer == NULL) memory->live++;
  return realloc(pointer, new_size);
}

static void failing_free(void *context, void *pointer, size_t size) {
  (void)size;
  failing_memory *memory = context;
  if (pointer != NULL) memory->live--;
  free(pointer);
}

static void lack_of_memory_is_reported(void **state) {
  (void)state;
  failing_memory memory = {0, 0};
  pome_allocator allocator = {&memory, failing_allocate, failing_reallocate, failing_free};
  pome_status status = POME_MEMORY;
  pome__program *built = literal_program(POME__IOS17);
  text_buffer text = print_program(built);
  pome__program_free(built);
  pome__bytes bytes = {(const uint8_t *)text.text, text.size};
  for (long allowed = 0; status != POME_OK; allowed++) {
    pome__program *program = NULL;
    memory = (failing_memory){allowed, 0};
    status = pome__load_mil_text(bytes, &tiny_blobs, &allocator, 0, &program, NULL);
    if (status == POME_OK) status = pome__program_verify(program, NULL);
    if (status != POME_OK) assert_int_equal(status, POME_MEMORY);
    pome__program_free(program);
    assert_int_equal(memory.live, 0);
  }
  pome__program *program = NULL;
  assert_int_equal(pome__load_mil_text(bytes, &tiny_blobs, NULL, 65536, &program, NULL),
                   POME_MEMORY);
  assert_null(program);
  free(text.text);
}

/* ---- real files ---- */

static const char *shared_folder(void) {
  const char *given = getenv("POME_SHARED");
  const char *folder = given != NULL ? given : "../shared";
  return access(folder, R_OK) == 0 ? folder : NULL;
}

static char *read_whole(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  fseek(file, 0, SEEK_END);
  long length = ftell(file);
  rewind(file);
  char *text = calloc((size_t)length + 1, 1);
  *size = text != NULL ? fread(text, 1, (size_t)length, file) : 0;
  fclose(file);
  return text;
}

/* A weight file with the records that the text asks for, its data left zero: the text's blobs are
 * checked for type and size, and their values do not matter here. */
#define PRETENDED_SIZE ((size_t)1 << 36)

static void pretend_record(uint8_t *file, const char *blob) {
  static const uint32_t numbers[POME_DTYPE_COUNT] = {
      [POME_FP16] = 1, [POME_FP32] = 2, [POME_UINT8] = 3, [POME_INT8] = 4};
  char dtype[16], dims[128];
  const char *type = blob;
  while (strncmp(type, "tensor<", 7) != 0) type--;
  const char *offset_text = strstr(blob, "offset = ");
  assert_non_null(offset_text);
  uint64_t offset = strtoull(strchr(offset_text, '(') + 1, NULL, 10);
  assert_int_equal(sscanf(type, "tensor<%15[^,], [%127[^]]]>", dtype, dims), 2);
  size_t count = 1, bytes;
  char *at = dims;
  while (*at != '\0') {
    count *= strtoull(at, &at, 10);
    while (*at == ',' || *at == ' ') at++;
  }
  assert_true(pome__dtype_bytes(pome_dtype_from_name(dtype), count, &bytes));
  const uint32_t head[2] = {0xdeadbeef, numbers[pome_dtype_from_name(dtype)]};
  const uint64_t place[2] = {bytes, offset + 64};
  assert_true(offset + 128 + bytes < PRETENDED_SIZE);
  memcpy(file + offset, head, sizeof(head));
  memcpy(file + offset + 8, place, sizeof(place));
}

static pome_status pretended_file(void *context, pome__bytes name, pome__bytes *bytes,
                                  pome_error *error) {
  (void)name;
  (void)error;
  *bytes = (pome__bytes){context, PRETENDED_SIZE};
  return POME_OK;
}

static void check_file(const char *path) {
  size_t size = 0;
  pome_error error = {.status = POME_OK};
  pome__program *first, *second;
  char *text = read_whole(path, &size);
  assert_non_null(text);
  uint8_t *weights = mmap(NULL, PRETENDED_SIZE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  assert_true(weights != MAP_FAILED);
  const uint32_t head[2] = {1, 2};
  memcpy(weights, head, sizeof(head));
  for (char *at = text; (at = strstr(at, "BLOBFILE")) != NULL; at++) pretend_record(weights, at);
  pome__blob_source blobs = {weights, pretended_file};
  pome__bytes bytes = {(const uint8_t *)text, size};
  if (pome__load_mil_text(bytes, &blobs, NULL, 0, &first, &error) != POME_OK ||
      pome__program_verify(first, &error) != POME_OK) {
    fail_msg("%s:%u:%u: %s", path, error.line, error.column, error.message);
  }
  text_buffer printed = print_program(first);
  while (size != 0 && text[size - 1] == '\n') text[--size] = '\0';
  if (strcmp(printed.text, text) != 0) fail_msg("%s is not printed byte for byte", path);
  bytes = (pome__bytes){(const uint8_t *)printed.text, printed.size};
  assert_int_equal(pome__load_mil_text(bytes, &blobs, NULL, 0, &second, &error), POME_OK);
  assert_true(program_equal(first, second, NULL));
  pome__program_free(first);
  pome__program_free(second);
  munmap(weights, PRETENDED_SIZE);
  free(printed.text);
  free(text);
}

static size_t files_checked;

static int check_if_program(const char *path, const struct stat *status, int kind,
                            struct FTW *place) {
  (void)status;
  (void)place;
  size_t length = strlen(path);
  if (kind != FTW_F || length < 4 || strcmp(path + length - 4, ".mil") != 0) return 0;
  check_file(path);
  files_checked++;
  return 0;
}

static void real_files_print_byte_for_byte(void **state) {
  (void)state;
  static const char *const folders[] = {"models", "graphs"};
  const char *shared = shared_folder();
  if (shared == NULL) {
    print_message(
        "SKIP: no shared data (POME_SHARED or ../shared): real program texts are not read\n");
    skip();
  }
  for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", shared, folders[i]);
    (void)nftw(path, check_if_program, 16, FTW_PHYS);
  }
  assert_true(files_checked > 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(printed_programs_are_read_back_equal),
      cmocka_unit_test(text_is_printed_as_compilers_write_it),
      cmocka_unit_test(arguments_are_printed_by_name),
      cmocka_unit_test(weights_come_from_the_file),
      cmocka_unit_test(a_failing_writer_ends_the_printing),
      cmocka_unit_test(numbers_are_read_exactly),
      cmocka_unit_test(escapes_are_undone),
      cmocka_unit_test(broken_text_is_refused_at_its_place),
      cmocka_unit_test(no_weight_file_is_an_error),
      cmocka_unit_test(damaged_text_never_harms),
      cmocka_unit_test(deep_nesting_is_refused),
      cmocka_unit_test(long_lists_are_read),
      cmocka_unit_test(lack_of_memory_is_reported),
      cmocka_unit_test(real_files_print_byte_for_byte),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
