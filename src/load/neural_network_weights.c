/* WeightParams: the numbers of a layer, in one of five forms.
 *
 *   floatValue 1       floats; they stay in the file where it has them aligned
 *   float16Value 2     half floats; they stay, and are widened when a plan is made
 *   rawValue 30        indices of 1 to 8 bits, the most significant bit first, which are looked up
 *                      or scaled: scale * index + bias, one pair for all or one for each channel
 *   int8RawValue 31    signed bytes, scaled alike
 *
 * Quantised forms are expanded when the network is read. Source: coremltools
 * mlmodel/format/NeuralNetwork.proto, models/neural_network/quantization_utils.py.
 */
#include <string.h>

#include "base/check.h"
#include "load/neural_network.h"
#include "tensor/element.h"

enum { FLOATS = 1, HALVES = 2, RAW = 30, INT8 = 31, QUANTIZATION = 40 };

typedef struct weights {
  const char *stem;
  pome__pb message;
  size_t float_count, part_count;
  pome__bytes part; /* of the floats, when there is one */
  pome__bytes halves, raw, int8;
  pome__pb quantization;
  bool quantized;
} weights;

static bool find(pome__nn *nn, pome__pb message, uint32_t number, weights *w) {
  pome__pb_field field;
  *w = (weights){.stem = ""};
  if (!pome__nn_message(nn, message, number, &w->message)) return false;
  if (pome__nn_field(nn, w->message, HALVES, &field)) w->halves = field.bytes;
  if (pome__nn_field(nn, w->message, RAW, &field)) w->raw = field.bytes;
  if (pome__nn_field(nn, w->message, INT8, &field)) w->int8 = field.bytes;
  w->quantized = pome__nn_message(nn, w->message, QUANTIZATION, &w->quantization);
  pome__pb pb = w->message;
  while (nn->status == POME_OK && pome__pb_next(&pb, &field, nn->error)) {
    if (field.number != FLOATS) continue;
    w->part_count++;
    w->part = field.bytes;
    w->float_count += field.wire == POME__PB_LEN ? field.bytes.size / sizeof(float) : 1;
    if (field.wire != POME__PB_LEN) w->part = (pome__bytes){NULL, 0};
  }
  if (pb.status != POME_OK) nn->status = pb.status;
  return nn->status == POME_OK;
}

float *pome__nn_new_floats(pome__nn *nn, size_t count) {
  if (nn->status != POME_OK) return NULL;
  float *floats = pome__arena_array(&nn->program->arena, count, sizeof *floats, 64);
  if (floats == NULL) pome__nn_no_memory(nn);
  return floats;
}

static void wrong_count(pome__nn *nn, const char *stem, size_t found, size_t wanted) {
  pome__nn_fail(nn, POME_INPUT, "its %s has %zu numbers; its other parameters ask for %zu", stem,
                found, wanted);
}

/* ---- quantised ---- */

/* Which of `channels` number i belongs to. */
typedef struct channels {
  size_t count, inner;
} channels;

typedef struct sink {
  float *out;
  size_t count;
} sink;

static pome_status put_float(void *context, uint64_t value) {
  sink *into = context;
  uint32_t bits = (uint32_t)value;
  memcpy(&into->out[into->count++], &bits, sizeof bits);
  return POME_OK;
}

/* The floats of a field, which the caller has counted. */
static void copy_floats(pome__nn *nn, pome__pb message, uint32_t number, float *out) {
  sink into = {out, 0};
  if (nn->status != POME_OK || out == NULL) return;
  for (pome__pb_field field; pome__pb_next(&message, &field, nn->error);) {
    if (field.number != number) continue;
    nn->status = pome__pb_scalars(&message, &field, POME__PB_I32, put_float, &into, nn->error);
    if (nn->status != POME_OK) return;
  }
}

static size_t count_floats(pome__nn *nn, pome__pb message, uint32_t number) {
  size_t count = 0;
  for (pome__pb_field field; nn->status == POME_OK && pome__pb_next(&message, &field, nn->error);)
    if (field.number == number)
      count += field.wire == POME__PB_LEN ? field.bytes.size / sizeof(float) : 1;
  return count;
}

/* A list of floats of a quantization's message in new memory. */
static float *list_of(pome__nn *nn, pome__pb message, uint32_t number, size_t *count) {
  *count = count_floats(nn, message, number);
  float *list = *count > 0 ? pome__nn_new_floats(nn, *count) : NULL;
  copy_floats(nn, message, number, list);
  return nn->status == POME_OK ? list : NULL;
}

static uint32_t packed_index(const uint8_t *bytes, size_t i, unsigned bits) {
  uint32_t index = 0;
  for (size_t bit = i * bits; bit < (i + 1) * bits; bit++)
    index = index << 1 | (bytes[bit / 8] >> (7 - bit % 8) & 1u);
  return index;
}

typedef struct scales {
  float *scale, *bias;
  size_t scale_count, bias_count;
} scales;

static float scaled(const scales *s, float value, size_t channel) {
  float scale = s->scale_count == 0 ? 1 : s->scale[s->scale_count == 1 ? 0 : channel];
  float bias = s->bias_count == 0 ? 0 : s->bias[s->bias_count == 1 ? 0 : channel];
  return scale * value + bias;
}

static bool read_scales(pome__nn *nn, const weights *w, const channels *of, scales *s) {
  pome__pb linear;
  *s = (scales){NULL, NULL, 0, 0};
  if (!w->quantized || !pome__nn_message(nn, w->quantization, 101, &linear))
    return nn->status == POME_OK;
  s->scale = list_of(nn, linear, 1, &s->scale_count);
  s->bias = list_of(nn, linear, 2, &s->bias_count);
  if (s->scale_count > 1 && s->scale_count != of->count)
    wrong_count(nn, "list of scales", s->scale_count, of->count);
  if (s->bias_count > 1 && s->bias_count != of->count)
    wrong_count(nn, "list of biases", s->bias_count, of->count);
  return nn->status == POME_OK;
}

static void expand_table(pome__nn *nn, const weights *w, pome__pb lookup, unsigned bits,
                         size_t count, float *out) {
  size_t entries;
  float *table = list_of(nn, lookup, 1, &entries);
  if (entries != (size_t)1 << bits) wrong_count(nn, "lookup table", entries, (size_t)1 << bits);
  for (size_t i = 0; nn->status == POME_OK && i < count; i++)
    out[i] = table[packed_index(w->raw.data, i, bits)];
}

static int64_t bits_of(pome__nn *nn, const weights *w) {
  return w->quantized ? pome__nn_int(nn, w->quantization, 1, 0) : 0;
}

static bool check_raw(pome__nn *nn, const weights *w, size_t count) {
  size_t total;
  int64_t bits = bits_of(nn, w);
  if (bits < 1 || bits > 8)
    pome__nn_fail(nn, POME_UNSUPPORTED, "its %s is quantised to %lld bits; 1 to 8 are read",
                  w->stem, (long long)bits);
  else if (!pome__mul(count, (size_t)bits, &total) || total / 8 + (total % 8 > 0) != w->raw.size)
    pome__nn_fail(nn, POME_INPUT, "its %s has %zu bytes; %zu numbers of %lld bits do not take that",
                  w->stem, w->raw.size, count, (long long)bits);
  return nn->status == POME_OK;
}

static void expand_raw(pome__nn *nn, const weights *w, size_t count, const channels *of,
                       float *out) {
  pome__pb lookup;
  scales s;
  unsigned bits = (unsigned)bits_of(nn, w);
  if (pome__nn_message(nn, w->quantization, 102, &lookup)) {
    expand_table(nn, w, lookup, bits, count, out);
    return;
  }
  if (!read_scales(nn, w, of, &s)) return;
  for (size_t i = 0; i < count; i++)
    out[i] = scaled(&s, (float)packed_index(w->raw.data, i, bits), i / of->inner % of->count);
}

static void expand_int8(pome__nn *nn, const weights *w, size_t count, const channels *of,
                        float *out) {
  scales s;
  if (!read_scales(nn, w, of, &s)) return;
  for (size_t i = 0; i < count; i++)
    out[i] = scaled(&s, (float)(int8_t)w->int8.data[i], i / of->inner % of->count);
}

/* ---- any form ---- */

/* How many numbers there are, or for packed ones whether there can be `count`. */
static bool holds(pome__nn *nn, const weights *w, size_t count) {
  size_t found = w->float_count;
  if (found == 0) found = w->halves.size / sizeof(uint16_t);
  if (found == 0) found = w->int8.size;
  if (found == 0 && w->raw.size > 0) return check_raw(nn, w, count);
  if (found != count) wrong_count(nn, w->stem, found, count);
  return nn->status == POME_OK;
}

static void expand(pome__nn *nn, const weights *w, size_t count, const channels *of, float *out) {
  if (w->float_count > 0) copy_floats(nn, w->message, FLOATS, out);
  else if (w->halves.size > 0) pome__load_f32(w->halves.data, POME_FP16, 0, 1, count, out);
  else if (w->int8.size > 0) expand_int8(nn, w, count, of, out);
  else expand_raw(nn, w, count, of, out);
}

size_t pome__nn_weight_count(pome__nn *nn, pome__pb message, uint32_t number) {
  weights w;
  if (!find(nn, message, number, &w)) return 0;
  if (w.float_count > 0) return w.float_count;
  if (w.raw.size == 0) return w.halves.size / sizeof(uint16_t) + w.int8.size;
  int64_t bits = bits_of(nn, &w);
  return bits >= 1 && bits <= 8 ? w.raw.size * 8 / (size_t)bits : 0;
}

/* False and an error when they are not there, or not so many. */
static bool find_filled(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                        size_t count, weights *w) {
  if (!find(nn, message, number, w)) {
    pome__nn_fail(nn, POME_INPUT, "it has no %s", stem);
    return false;
  }
  w->stem = stem;
  return holds(nn, w, count);
}

bool pome__nn_read_weights(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                           size_t rows, size_t columns, float *out) {
  weights w;
  channels of = {rows, columns};
  if (!find_filled(nn, message, number, stem, rows * columns, &w)) return false;
  if (out != NULL) expand(nn, &w, rows * columns, &of, out);
  return nn->status == POME_OK;
}

bool pome__nn_has_weights(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                          size_t count) {
  weights w;
  return find_filled(nn, message, number, stem, count, &w);
}

static bool is_aligned(const void *data, size_t alignment) {
  return (uintptr_t)data % alignment == 0;
}

/* Half floats as a constant of theirs, widened by an operation. */
static pome__value *widened(pome__nn *nn, const weights *w, int rank, const int64_t *dims) {
  pome__literal *literal = POME__NEW(&nn->program->arena, pome__literal);
  void *copy = NULL;
  bool stays = is_aligned(w->halves.data, sizeof(uint16_t));
  if (!stays) copy = pome__arena_alloc(&nn->program->arena, w->halves.size, 64);
  if (literal == NULL || (!stays && copy == NULL)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  if (!stays) memcpy(copy, w->halves.data, w->halves.size);
  literal->type = pome__type_tensor(POME_FP16, rank, dims);
  literal->data = stays ? (const void *)w->halves.data : copy;
  literal->bytes = w->halves.size;
  literal->blob_offset = POME_NO_OFFSET;
  return POME__OP(nn, "constexpr_cast",
                  POME__ARG("source_val", pome__nn_const_of(nn, w->stem, literal)),
                  POME__ARG("output_dtype", pome__nn_lit_text(nn, "fp32")));
}

static pome__value *constant(pome__nn *nn, const weights *w, int rank, const int64_t *dims,
                             int channel_axis) {
  size_t count = pome__nn_count(nn, rank, dims), inner = 1;
  if (nn->status != POME_OK || !holds(nn, w, count)) return NULL;
  if (w->part_count == 1 && w->part.size == count * sizeof(float) &&
      is_aligned(w->part.data, sizeof(float)))
    return pome__nn_const(nn, w->stem, rank, dims, (const float *)(const void *)w->part.data);
  if (w->float_count == 0 && w->halves.size > 0) return widened(nn, w, rank, dims);
  for (int d = channel_axis + 1; d < rank; d++) inner *= (size_t)dims[d];
  channels of = {(size_t)dims[channel_axis], inner};
  float *data = pome__nn_new_floats(nn, count);
  if (data != NULL) expand(nn, w, count, &of, data);
  return nn->status == POME_OK ? pome__nn_const(nn, w->stem, rank, dims, data) : NULL;
}

pome__value *pome__nn_weights(pome__nn *nn, pome__pb message, uint32_t number, const char *stem,
                              int rank, const int64_t *dims, int channel_axis) {
  weights w;
  if (!find(nn, message, number, &w)) {
    pome__nn_fail(nn, POME_INPUT, "it has no %s", stem);
    return NULL;
  }
  w.stem = stem;
  return constant(nn, &w, rank, dims, channel_axis);
}

pome__value *pome__nn_weights_or_none(pome__nn *nn, pome__pb message, uint32_t number,
                                      const char *stem, int rank, const int64_t *dims) {
  weights w;
  if (!find(nn, message, number, &w)) return NULL;
  if (w.float_count + w.halves.size + w.raw.size + w.int8.size == 0) return NULL;
  w.stem = stem;
  return constant(nn, &w, rank, dims, 0);
}
