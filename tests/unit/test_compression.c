/* Compressed constants in all their forms, against the definitions written as plain loops over
 * coordinates: palettes of 1 to 8 bits with groups and vectors, dense and sparse; scales and
 * offsets by block, dense and sparse; the packed forms of iOS16; quantized activations.
 *
 * Sizes, groups and numbers go round with the combinations. Each is an op case, so it runs on every
 * device in all numerics, with its parameters in the program and in a weight file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "op_case.h"

#define TEXT        32768
#define MOST        2048 /* elements of anything */
#define RANKS       4
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static uint32_t seed = 1;

static int draw(int below) {
  seed = seed * 1664525u + 1013904223u;
  return (int)((seed >> 8) % (uint32_t)below);
}

static char inputs[TEXT], expected[TEXT];

static void add(char *text, const char *format, ...) {
  size_t used = strlen(text);
  va_list list;
  va_start(list, format);
  vsnprintf(text + used, TEXT - used, format, list);
  va_end(list);
}

static void add_tensor(char *text, const char *name, const char *type, const int *shape, int rank,
                       const double *values) {
  int count = 1;
  add(text, "%s%s%s%s[", text[0] == '\0' ? "" : "; ", name, name[0] == '\0' ? "" : "=", type);
  for (int i = 0; i < rank; i++) {
    add(text, "%s%d", i == 0 ? "" : ", ", shape[i]);
    count *= shape[i];
  }
  add(text, "]{");
  for (int i = 0; i < count; i++) add(text, "%s%.9g", i == 0 ? "" : ", ", values[i]);
  add(text, "}");
}

static void run(const char *op, pome__opset opset, double tolerance) {
  op_case one = {op, opset, inputs, expected, tolerance};
  op_cases_run(&one, 1);
  inputs[0] = expected[0] = '\0';
}

/* The coordinates of a row-major position, and back. */
static void coordinates(int at, const int *shape, int rank, int *out) {
  for (int i = rank - 1; i >= 0; i--) {
    out[i] = at % shape[i];
    at /= shape[i];
  }
}

static int position(const int *at, const int *shape, int rank) {
  int sum = 0;
  for (int i = 0; i < rank; i++) sum = sum * shape[i] + at[i];
  return sum;
}

static int count_of(const int *shape, int rank) {
  int count = 1;
  for (int i = 0; i < rank; i++) count *= shape[i];
  return count;
}

/* Blocks: shape[i] = blocks[i] * size[i]. */
static void draw_grid(int rank, int *shape, int *blocks) {
  for (int i = 0; i < rank; i++) {
    blocks[i] = 1 + draw(2);
    shape[i] = blocks[i] * (1 + draw(3));
  }
}

static int block_at(const int *at, const int *shape, const int *blocks, int rank) {
  int block[RANKS];
  for (int i = 0; i < rank; i++) block[i] = at[i] / (shape[i] / blocks[i]);
  return position(block, blocks, rank);
}

/* ---- palettes ---- */

static const char *const index_types[] = {"uint1", "uint2", "uint3", "uint4", "uint6", "uint8"};
static const int index_bits[] = {1, 2, 3, 4, 6, 8};
static const char *const value_types[] = {"fp16", "fp32", "int8", "uint8"};

typedef struct palette {
  int rank, shape[RANKS], groups[RANKS + 2], entries, vector, axis;
  double lut[16 * 256 * 2], indices[MOST];
  int dense[RANKS]; /* the shape of the result */
} palette;

static void draw_palette(palette *p, int bits, bool is_unsigned, int vector) {
  p->rank = 1 + draw(3);
  p->entries = 1 << bits;
  p->vector = vector;
  p->axis = draw(p->rank);
  draw_grid(p->rank, p->shape, p->groups);
  p->groups[p->rank] = p->entries;
  p->groups[p->rank + 1] = vector;
  int count = count_of(p->groups, p->rank + 2);
  for (int i = 0; i < count; i++) p->lut[i] = draw(100) - (is_unsigned ? 0 : 50);
  for (int i = 0; i < count_of(p->shape, p->rank); i++) p->indices[i] = draw(p->entries);
  memcpy(p->dense, p->shape, sizeof p->dense);
  p->dense[p->axis] *= vector;
}

/* The value of the dense element at `at`; *source is the position of its index. */
static double look_up(const palette *p, const int *at, int *source) {
  int index[RANKS];
  memcpy(index, at, sizeof index);
  index[p->axis] = at[p->axis] / p->vector;
  *source = position(index, p->shape, p->rank);
  int group = block_at(index, p->shape, p->groups, p->rank);
  return p
      ->lut[(group * p->entries + (int)p->indices[*source]) * p->vector + at[p->axis] % p->vector];
}

static void add_axis(const palette *p, int turn) {
  if (p->vector == 1 && turn % 2 == 0) return;
  add(inputs, "; vector_axis=%d", turn % 3 == 0 ? p->axis - p->rank : p->axis);
}

static void dense_palettes(void **state) {
  (void)state;
  static palette p;
  static double values[2 * MOST];
  int turn = 0;
  for (size_t b = 0; b < COUNT(index_bits); b++) {
    for (size_t t = 0; t < COUNT(value_types); t++) {
      for (int vector = 1; vector <= 4; vector++, turn++) {
        if (vector == 3 || (vector > 2 && index_bits[b] > 4)) continue;
        draw_palette(&p, index_bits[b], value_types[t][0] == 'u', vector);
        add_tensor(inputs, "indices", index_types[b], p.shape, p.rank, p.indices);
        add_tensor(inputs, "lut", value_types[t], p.groups, p.rank + 2, p.lut);
        add_axis(&p, turn);
        for (int i = 0; i < count_of(p.dense, p.rank); i++) {
          int at[RANKS], source;
          coordinates(i, p.dense, p.rank, at);
          values[i] = look_up(&p, at, &source);
        }
        add_tensor(expected, "", value_types[t], p.dense, p.rank, values);
        run("constexpr_lut_to_dense", POME__IOS18, 0);
      }
    }
  }
}

/* The mask is expanded with the palette's vectors; values stand in the order of dense elements. */
static void sparse_palettes(void **state) {
  (void)state;
  static palette p;
  static double mask[MOST], packed[MOST], wide_mask[2 * MOST], values[2 * MOST];
  int turn = 0;
  for (size_t b = 0; b < COUNT(index_bits); b++) {
    for (size_t t = 0; t < COUNT(value_types); t++) {
      for (int vector = 1; vector <= 2; vector++, turn++) {
        draw_palette(&p, index_bits[b], value_types[t][0] == 'u', vector);
        int kept = 0, made = 0;
        for (int i = 0; i < count_of(p.shape, p.rank); i++) {
          mask[i] = draw(3) != 0;
          if (mask[i] != 0) packed[kept++] = p.indices[i];
        }
        add_tensor(inputs, "indices_mask", "uint1", p.shape, p.rank, mask);
        add_tensor(inputs, "indices_nonzero_data", index_types[b], &kept, 1, packed);
        add_tensor(inputs, "lut", value_types[t], p.groups, p.rank + 2, p.lut);
        add_axis(&p, turn);
        for (int i = 0; i < count_of(p.dense, p.rank); i++) {
          int at[RANKS], source;
          coordinates(i, p.dense, p.rank, at);
          double value = look_up(&p, at, &source);
          wide_mask[i] = mask[source];
          if (mask[source] != 0) values[made++] = value;
        }
        add_tensor(expected, "", "uint1", p.dense, p.rank, wide_mask);
        add_tensor(expected, "", value_types[t], &made, 1, values);
        run("constexpr_lut_to_sparse", POME__IOS18, 0);
      }
    }
  }
}

/* ---- scales and offsets by block ---- */

static const char *const data_types[] = {"int4", "uint4", "int8", "uint8", "fp16", "fp32"};

static double draw_data(const char *type) {
  if (strcmp(type, "int4") == 0) return draw(16) - 8;
  if (strcmp(type, "uint4") == 0) return draw(16);
  if (strcmp(type, "uint8") == 0) return draw(256);
  if (strcmp(type, "int8") == 0) return draw(256) - 128;
  return (draw(256) - 128) / 4.0;
}

typedef struct blocks {
  int rank, shape[RANKS], blocks[RANKS];
  double data[MOST], scale[64], offset[64];
} blocks;

static void draw_blocks(blocks *g, const char *data, const char *offset) {
  g->rank = 1 + draw(3);
  draw_grid(g->rank, g->shape, g->blocks);
  for (int i = 0; i < count_of(g->shape, g->rank); i++) g->data[i] = draw_data(data);
  for (int i = 0; i < count_of(g->blocks, g->rank); i++) {
    g->scale[i] = (1 + draw(8)) / 8.0;
    g->offset[i] = offset == NULL ? 0 : draw_data(offset);
  }
}

/* scale * (data - offset) of the element at that position. */
static double scaled(const blocks *g, int i) {
  int at[RANKS];
  coordinates(i, g->shape, g->rank, at);
  int block = block_at(at, g->shape, g->blocks, g->rank);
  return g->scale[block] * (g->data[i] - g->offset[block]);
}

static void add_scales(const blocks *g, const char *scale, const char *offset) {
  add_tensor(inputs, "scale", scale, g->blocks, g->rank, g->scale);
  if (offset != NULL) add_tensor(inputs, "offset", offset, g->blocks, g->rank, g->offset);
}

/* The offset has the type of the data, or is a float. */
static const char *offset_of(const char *data, int which) {
  return which == 0 ? NULL : which == 1 ? data : which == 2 ? "fp16" : "fp32";
}

static void dense_blocks(void **state) {
  (void)state;
  static blocks g;
  static double values[MOST];
  for (size_t d = 0; d < COUNT(data_types); d++) {
    for (int s = 0; s < 2; s++) {
      for (int o = 0; o < 4; o++) {
        const char *scale = s == 0 ? "fp16" : "fp32", *offset = offset_of(data_types[d], o);
        draw_blocks(&g, data_types[d], offset);
        add_tensor(inputs, "data", data_types[d], g.shape, g.rank, g.data);
        add_scales(&g, scale, offset);
        for (int i = 0; i < count_of(g.shape, g.rank); i++) values[i] = scaled(&g, i);
        add_tensor(expected, "", scale, g.shape, g.rank, values);
        run("constexpr_blockwise_shift_scale", POME__IOS18, 0);
      }
    }
  }
}

static void sparse_blocks(void **state) {
  (void)state;
  static blocks g;
  static double mask[MOST], data[MOST], values[MOST];
  for (size_t d = 0; d < COUNT(data_types); d++) {
    for (int s = 0; s < 2; s++) {
      for (int o = 0; o < 4; o++) {
        const char *scale = s == 0 ? "fp16" : "fp32", *offset = offset_of(data_types[d], o);
        int kept = 0;
        draw_blocks(&g, data_types[d], offset);
        for (int i = 0; i < count_of(g.shape, g.rank); i++) {
          mask[i] = draw(3) != 0;
          if (mask[i] == 0) continue;
          values[kept] = scaled(&g, i);
          data[kept++] = g.data[i];
        }
        add_tensor(inputs, "data_mask", "uint1", g.shape, g.rank, mask);
        add_tensor(inputs, "nonzero_data", data_types[d], &kept, 1, data);
        add_scales(&g, scale, offset);
        add_tensor(expected, "", "uint1", g.shape, g.rank, mask);
        add_tensor(expected, "", scale, &kept, 1, values);
        run("constexpr_sparse_blockwise_shift_scale", POME__IOS18, 0);
      }
    }
  }
}

static void masks(void **state) {
  (void)state;
  static blocks g;
  static double mask[MOST], data[MOST];
  for (size_t d = 0; d < 2 * COUNT(data_types); d++) {
    const char *type = data_types[d / 2];
    int kept = 0;
    draw_blocks(&g, type, NULL);
    for (int i = 0; i < count_of(g.shape, g.rank); i++) {
      mask[i] = draw(3) != 0;
      if (mask[i] != 0) data[kept++] = g.data[i];
      else g.data[i] = 0;
    }
    add_tensor(inputs, "nonzero_data", type, &kept, 1, data);
    add_tensor(inputs, "mask", "uint1", g.shape, g.rank, mask);
    add_tensor(expected, "", type, g.shape, g.rank, g.data);
    run("constexpr_sparse_to_dense", POME__IOS18, 0);
  }
}

/* ---- the packed forms of iOS16: bits in bytes, least significant first ---- */

static int pack(const double *values, int count, int bits, double *bytes) {
  int size = (count * bits + 7) / 8;
  for (int i = 0; i < size; i++) bytes[i] = 0;
  for (int i = 0; i < count * bits; i++) {
    int bit = (int)values[i / bits] >> (i % bits) & 1;
    bytes[i / 8] += bit << (i % 8);
  }
  return size;
}

static void packed_palettes(void **state) {
  (void)state;
  static palette p;
  static double bytes[MOST], dims[RANKS], values[MOST];
  for (size_t b = 0; b < COUNT(index_bits); b++) {
    if (index_bits[b] == 3) continue; /* has no such form */
    for (size_t t = 0; t < COUNT(value_types); t++) {
      draw_palette(&p, index_bits[b], value_types[t][0] == 'u', 1);
      int count = count_of(p.shape, p.rank);
      int size = pack(p.indices, count, index_bits[b], bytes);
      for (int i = 0; i < p.rank; i++) dims[i] = p.shape[i];
      for (int i = 0; i < count; i++) values[i] = p.lut[(int)p.indices[i]];
      add_tensor(inputs, "indices", "uint8", &size, 1, bytes);
      add_tensor(inputs, "lut", value_types[t], &p.entries, 1, p.lut);
      add_tensor(inputs, "shape", "uint32", &p.rank, 1, dims);
      add_tensor(expected, "", value_types[t], p.shape, p.rank, values);
      run("constexpr_lut_to_dense", POME__IOS16, 0);
    }
  }
}

static void packed_masks(void **state) {
  (void)state;
  static blocks g;
  static double mask[MOST], bytes[MOST], data[MOST], dims[RANKS];
  for (size_t t = 0; t < COUNT(value_types); t++) {
    int kept = 0;
    draw_blocks(&g, value_types[t], NULL);
    int count = count_of(g.shape, g.rank);
    for (int i = 0; i < count; i++) {
      mask[i] = draw(2);
      if (mask[i] != 0) data[kept++] = g.data[i];
      else g.data[i] = 0;
    }
    int size = pack(mask, count, 1, bytes);
    for (int i = 0; i < g.rank; i++) dims[i] = g.shape[i];
    add_tensor(inputs, "nonzero_data", value_types[t], &kept, 1, data);
    add_tensor(inputs, "mask", "uint8", &size, 1, bytes);
    add_tensor(inputs, "shape", "uint32", &g.rank, 1, dims);
    add_tensor(expected, "", value_types[t], g.shape, g.rank, g.data);
    run("constexpr_sparse_to_dense", POME__IOS16, 0);
  }
}

/* scale and zero_point each a number or one along the axis; the zero point may be a float. */
static void affine(void **state) {
  (void)state;
  static blocks g;
  static double values[MOST];
  for (int turn = 0; turn < 48; turn++) {
    const char *data = turn % 2 ? "int8" : "uint8", *scale = turn % 4 < 2 ? "fp16" : "fp32";
    const char *zero = turn % 3 == 0 ? "fp32" : data;
    draw_blocks(&g, data, data);
    int axis = draw(g.rank), length = g.shape[axis], at[RANKS];
    bool scales = turn % 8 < 4, zeros = turn % 16 < 8;
    for (int i = 0; i < length; i++) {
      g.scale[i] = (1 + draw(8)) / 8.0;
      g.offset[i] = draw_data(data);
    }
    for (int i = 0; i < count_of(g.shape, g.rank); i++) {
      coordinates(i, g.shape, g.rank, at);
      values[i] = g.scale[scales ? at[axis] : 0] * (g.data[i] - g.offset[zeros ? at[axis] : 0]);
    }
    add_tensor(inputs, "quantized_data", data, g.shape, g.rank, g.data);
    add_tensor(inputs, "zero_point", zero, &length, zeros ? 1 : 0, g.offset);
    add_tensor(inputs, "scale", scale, &length, scales ? 1 : 0, g.scale);
    add(inputs, "; axis=%d", turn % 5 == 0 ? axis - g.rank : axis);
    add_tensor(expected, "", scale, g.shape, g.rank, values);
    run("constexpr_affine_dequantize", POME__IOS16, 0);
  }
}

/* ---- activations ---- */

/* By tensor (no axis) or by channel; with and without a zero point. */
static void activations(void **state) {
  (void)state;
  static blocks g;
  static double values[MOST];
  for (int turn = 0; turn < 64; turn++) {
    bool back = turn % 2, by_channel = turn % 4 < 2, has_zero = turn % 8 < 4;
    const char *whole = turn % 16 < 8 ? "int8" : "uint8", *real = turn % 32 < 16 ? "fp16" : "fp32";
    double low = whole[0] == 'u' ? 0 : -128, high = low + 255;
    draw_blocks(&g, back ? whole : real, NULL);
    int axis = draw(g.rank), length = g.shape[axis], at[RANKS];
    for (int i = 0; i < length; i++) {
      g.scale[i] = (1 + draw(8)) / 8.0;
      g.offset[i] = has_zero ? draw_data(whole) : 0;
    }
    for (int i = 0; i < count_of(g.shape, g.rank); i++) {
      coordinates(i, g.shape, g.rank, at);
      int channel = by_channel ? at[axis] : 0;
      double q = nearbyint(g.data[i] / g.scale[channel]) + g.offset[channel];
      values[i] = back       ? g.scale[channel] * (g.data[i] - g.offset[channel])
                  : q < low  ? low
                  : q > high ? high
                             : q;
    }
    add_tensor(inputs, "input", back ? whole : real, g.shape, g.rank, g.data);
    if (has_zero) add_tensor(inputs, "zero_point", whole, &length, by_channel ? 1 : 0, g.offset);
    add_tensor(inputs, "scale", real, &length, by_channel ? 1 : 0, g.scale);
    if (by_channel) add(inputs, "; axis=%d", turn % 5 == 0 ? axis - g.rank : axis);
    if (!back) add(inputs, "; output_dtype=\"%s\"", whole);
    add_tensor(expected, "", back ? real : whole, g.shape, g.rank, values);
    run(back ? "dequantize" : "quantize", POME__IOS17, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dense_palettes), cmocka_unit_test(sparse_palettes),
      cmocka_unit_test(dense_blocks),   cmocka_unit_test(sparse_blocks),
      cmocka_unit_test(masks),          cmocka_unit_test(packed_palettes),
      cmocka_unit_test(packed_masks),   cmocka_unit_test(affine),
      cmocka_unit_test(activations),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
