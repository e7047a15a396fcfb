/* Layers whose windows slide, and those that multiply by a matrix of weights.
 *
 * All dimensions before the channel are the batch. Padding is told in one of three ways: amounts
 * (valid), as much as keeps the size (same), or, in pooling, so that the last pixel is always
 * covered. A deconvolution's kernel is dilated too, as coremltools' tests have it, against the
 * prose.
 */
#include <string.h>

#include "load/neural_network.h"

/* ---- padding ---- */

void pome__nn_borders(pome__nn *nn, pome__pb message, uint32_t number, int64_t *out) {
  pome__pb amounts;
  size_t i = 0;
  memset(out, 0, 4 * sizeof *out);
  if (!pome__nn_message(nn, message, number, &amounts)) return;
  pome__pb_field field;
  while (nn->status == POME_OK && pome__pb_next(&amounts, &field, nn->error)) {
    if (field.number != 10) continue;
    nn->status = pome__pb_expect(&amounts, &field, POME__PB_LEN, "a border", nn->error);
    if (i == 4) pome__nn_fail(nn, POME_INPUT, "it has borders for more than 2 dimensions");
    if (nn->status != POME_OK) return;
    pome__pb edges = pome__pb_enter(&amounts, &field);
    out[i++] = pome__nn_int(nn, edges, 1, 0);
    out[i++] = pome__nn_int(nn, edges, 2, 0);
    for (size_t e = i - 2; e < i; e++)
      if (out[e] < 0 || out[e] > INT32_MAX)
        pome__nn_fail(nn, POME_INPUT, "a border of %lld; 0 to %d are allowed", (long long)out[e],
                      INT32_MAX);
    if (nn->status != POME_OK) memset(out, 0, 4 * sizeof *out);
  }
  if (amounts.status != POME_OK && nn->status == POME_OK) nn->status = amounts.status;
}

typedef struct padding {
  const char *type;
  int64_t amounts[6];
  int count;
} padding;

/* valid and same, in the fields of these numbers. */
static padding read_padding(pome__nn *nn, pome__pb params, uint32_t valid, uint32_t same) {
  padding p = {.type = "custom", .count = 4};
  pome__pb inner;
  if (pome__nn_message(nn, params, same, &inner))
    p.type = pome__nn_int(nn, inner, 1, 0) == 1 ? "same_lower" : "same";
  else if (pome__nn_message(nn, params, valid, &inner)) pome__nn_borders(nn, inner, 1, p.amounts);
  return p;
}

static pome__value *pad_of(pome__nn *nn, const padding *p) {
  return pome__nn_lit_ints(nn, p->amounts, (size_t)p->count);
}

/* ---- convolution ---- */

typedef struct kernel {
  int rank;        /* spatial */
  int64_t out, in; /* channels: of the result, and of a kernel */
  int64_t groups;
  int64_t size[3], stride[3], dilation[3];
  padding pad;
  bool transposed, has_bias;
  int64_t output[3]; /* sizes of the result of a transposed one; 0: not told */
} kernel;

static pome__value *convolve(pome__nn *nn, const kernel *k, pome__value *x, pome__value *weight,
                             pome__value *bias) {
  size_t rank = (size_t)k->rank;
  pome__value *folded = pome__nn_fold(nn, x, k->rank + 1), *output = NULL;
  int64_t shape[5] = {-1, k->out};
  memcpy(shape + 2, k->output, sizeof k->output);
  if (k->transposed && k->output[0] > 0) {
    shape[0] = pome__nn_dim(nn, folded, 0);
    output = pome__nn_lit_ints(nn, shape, rank + 2);
  }
  pome__value *y = POME__OP(nn, k->transposed ? "conv_transpose" : "conv", POME__ARG("x", folded),
                            POME__ARG("weight", weight), POME__ARG("bias", bias),
                            POME__ARG("strides", pome__nn_lit_ints(nn, k->stride, rank)),
                            POME__ARG("pad_type", pome__nn_lit_text(nn, k->pad.type)),
                            POME__ARG("pad", pad_of(nn, &k->pad)),
                            POME__ARG("dilations", pome__nn_lit_ints(nn, k->dilation, rank)),
                            POME__ARG("groups", pome__nn_lit_int(nn, k->groups)),
                            POME__ARG("output_shape", output));
  return pome__nn_unfold(nn, y, x, k->rank + 1);
}

/* The shape in which a file has the weights: [out, in, ...], transposed [in, out / groups, ...]. */
static int weight_shape(pome__nn *nn, const kernel *k, int64_t *dims) {
  if (nn->status == POME_OK && (k->groups < 1 || k->out < 1 || k->out % k->groups != 0))
    pome__nn_fail(nn, POME_INPUT, "%lld groups of %lld channels", (long long)k->groups,
                  (long long)k->out);
  dims[0] = k->transposed ? k->in : k->out;
  dims[1] = k->transposed ? (nn->status == POME_OK ? k->out / k->groups : 0) : k->in;
  memcpy(dims + 2, k->size, (size_t)k->rank * sizeof *dims);
  return k->rank + 2;
}

void pome__nn_to_convolution(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  kernel k = {.rank = 2,
              .out = pome__nn_int(nn, p, 1, 0),
              .in = pome__nn_int(nn, p, 2, 0),
              .groups = pome__nn_int(nn, p, 10, 0),
              .pad = read_padding(nn, p, 50, 51),
              .transposed = pome__nn_bool(nn, p, 60),
              .has_bias = pome__nn_bool(nn, p, 70)};
  if (k.groups == 0) k.groups = 1;
  pome__nn_ints_or(nn, p, 20, k.size, 2, 3);
  pome__nn_ints_or(nn, p, 30, k.stride, 2, 1);
  pome__nn_ints_or(nn, p, 40, k.dilation, 2, 1);
  pome__nn_ints_or(nn, p, 100, k.output, 2, 0);
  pome__value *x = pome__nn_in(nn, layer, 0);
  int64_t dims[5];
  pome__value *weight = layer->in_count > 1
                            ? pome__nn_in(nn, layer, 1)
                            : pome__nn_weights(nn, p, 90, "weights", weight_shape(nn, &k, dims),
                                               dims, k.transposed ? 1 : 0);
  pome__value *bias = k.has_bias ? pome__nn_weights(nn, p, 91, "bias", 1, &k.out, 0) : NULL;
  pome__nn_out(nn, layer, 0, convolve(nn, &k, x, weight, bias));
}

/* Sizes of three dimensions in fields that follow each other. */
static void read_three(pome__nn *nn, pome__pb p, uint32_t first, int64_t *out) {
  for (uint32_t i = 0; i < 3; i++) {
    out[i] = (int32_t)pome__nn_int(nn, p, first + i, 1);
    if (out[i] == 0) out[i] = 1;
  }
}

/* paddingType CUSTOM 0, VALID 1, SAME 2; six amounts that follow each other. */
static padding read_padding_3d(pome__nn *nn, pome__pb p, uint32_t type, uint32_t first) {
  static const char *const types[] = {"custom", "valid", "same"};
  padding pad = {.type = "valid", .count = 6};
  int64_t kind = pome__nn_int(nn, p, type, 0);
  if (kind < 0 || kind > 2)
    pome__nn_fail(nn, POME_UNSUPPORTED, "padding type %lld", (long long)kind);
  else pad.type = types[kind];
  for (uint32_t i = 0; kind == 0 && i < 6; i++) pad.amounts[i] = pome__nn_int(nn, p, first + i, 0);
  return pad;
}

void pome__nn_to_convolution_3d(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  kernel k = {.rank = 3,
              .out = (int32_t)pome__nn_int(nn, p, 1, 0),
              .in = (int32_t)pome__nn_int(nn, p, 2, 0),
              .groups = (int32_t)pome__nn_int(nn, p, 10, 0),
              .pad = read_padding_3d(nn, p, 70, 80),
              .has_bias = pome__nn_bool(nn, p, 50),
              .transposed = pome__nn_bool(nn, p, 86)};
  if (k.groups <= 0) k.groups = 1;
  read_three(nn, p, 20, k.size);
  read_three(nn, p, 31, k.stride);
  read_three(nn, p, 40, k.dilation);
  pome__nn_ints_or(nn, p, 87, k.output, 3, 0);
  if (!k.transposed) k.in /= k.groups;
  int64_t dims[5];
  int rank = weight_shape(nn, &k, dims);
  pome__value *weight = pome__nn_weights(nn, p, 60, "weights", rank, dims, k.transposed ? 1 : 0);
  pome__value *bias = k.has_bias ? pome__nn_weights(nn, p, 61, "bias", 1, &k.out, 0) : NULL;
  pome__nn_out(nn, layer, 0, convolve(nn, &k, pome__nn_in(nn, layer, 0), weight, bias));
}

/* ---- pooling ---- */

static const char *const pools[] = {"max_pool", "avg_pool", "l2_pool"};

typedef struct pool {
  int rank;
  int64_t type;
  int64_t size[3], stride[3];
  padding pad;
  bool ceil, exclude;
} pool;

static pome__value *slide(pome__nn *nn, const pool *p, pome__value *x) {
  size_t rank = (size_t)p->rank;
  pome__value *folded = pome__nn_fold(nn, x, p->rank + 1);
  if (p->type < 0 || p->type > (p->rank == 2 ? 2 : 1))
    pome__nn_fail(nn, POME_UNSUPPORTED, "pooling of type %lld", (long long)p->type);
  if (nn->status != POME_OK) return NULL;
  pome__value *y = POME__OP(nn, pools[p->type], POME__ARG("x", folded),
                            POME__ARG("kernel_sizes", pome__nn_lit_ints(nn, p->size, rank)),
                            POME__ARG("strides", pome__nn_lit_ints(nn, p->stride, rank)),
                            POME__ARG("pad_type", pome__nn_lit_text(nn, p->pad.type)),
                            POME__ARG("pad", pad_of(nn, &p->pad)),
                            POME__ARG("ceil_mode", pome__nn_lit_bool(nn, p->ceil)),
                            POME__ARG("exclude_padding_from_average",
                                      p->type == 1 ? pome__nn_lit_bool(nn, p->exclude) : NULL));
  return pome__nn_unfold(nn, y, x, p->rank + 1);
}

static pome__value *pool_all(pome__nn *nn, int64_t type, int rank, pome__value *x) {
  static const char *const reductions[] = {"reduce_max", "reduce_mean", "reduce_l2_norm"};
  static const int64_t last[] = {-3, -2, -1};
  if (type < 0 || type > (rank == 2 ? 2 : 1)) {
    pome__nn_fail(nn, POME_UNSUPPORTED, "pooling of type %lld", (long long)type);
    return NULL;
  }
  pome__nn_need_rank(nn, x, rank + 1);
  return pome__nn_reduce(nn, reductions[type], x, last + 3 - rank, (size_t)rank, true);
}

void pome__nn_to_pooling(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params, inner;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pool window = {.rank = 2, .type = pome__nn_int(nn, p, 1, 0), .exclude = pome__nn_bool(nn, p, 50)};
  if (pome__nn_bool(nn, p, 60)) {
    pome__nn_out(nn, layer, 0, pool_all(nn, window.type, 2, x));
    return;
  }
  pome__nn_ints_or(nn, p, 10, window.size, 2, 3);
  pome__nn_ints_or(nn, p, 20, window.stride, 2, 1);
  window.pad = read_padding(nn, p, 30, 31);
  if (pome__nn_message(nn, p, 32, &inner)) {
    int64_t amounts[2];
    pome__nn_ints_or(nn, inner, 10, amounts, 2, 0);
    window.ceil = true;
    for (int i = 0; i < 4; i++) window.pad.amounts[i] = amounts[i / 2];
  }
  pome__nn_out(nn, layer, 0, slide(nn, &window, x));
}

void pome__nn_to_pooling_3d(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pool window = {.rank = 3,
                 .type = pome__nn_int(nn, p, 1, 0),
                 .pad = read_padding_3d(nn, p, 15, 8),
                 .exclude = pome__nn_bool(nn, p, 14)};
  read_three(nn, p, 2, window.size);
  read_three(nn, p, 5, window.stride);
  pome__nn_out(nn, layer, 0, slide(nn, &window, pome__nn_in(nn, layer, 0)));
}

void pome__nn_to_global_pooling_3d(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t type = pome__nn_int(nn, layer->params, 1, 0);
  pome__nn_out(nn, layer, 0, pool_all(nn, type, 3, pome__nn_in(nn, layer, 0)));
}

/* ---- products ---- */

static pome__value *linear(pome__nn *nn, pome__value *x, pome__value *weight, pome__value *bias) {
  return POME__OP(nn, "linear", POME__ARG("x", x), POME__ARG("weight", weight),
                  POME__ARG("bias", bias));
}

/* Of rank 4 and 5 the last three dimensions are the vector, which becomes [channels, 1, 1]. */
void pome__nn_to_inner_product(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t behind[] = {-2, -1}, rest = -1;
  pome__pb p = layer->params;
  const int64_t in = pome__nn_int(nn, p, 1, 0), out = pome__nn_int(nn, p, 2, 0);
  const int64_t dims[] = {out, in};
  pome__value *x = pome__nn_in(nn, layer, 0);
  int rank = pome__nn_rank(nn, x);
  pome__value *weight = pome__nn_weights(nn, p, 20, "weights", 2, dims, 0);
  pome__value *bias =
      pome__nn_bool(nn, p, 10) ? pome__nn_weights(nn, p, 21, "bias", 1, &out, 0) : NULL;
  if (rank > 3) x = pome__nn_reshape_after(nn, x, x, rank - 3, &rest, 1);
  pome__value *y = linear(nn, x, weight, bias);
  pome__nn_out(nn, layer, 0, rank > 3 ? pome__nn_expand(nn, y, behind, 2) : y);
}

/* Two inputs, of which a vector is a row on the left and a column on the right, or one and weights.
 */
void pome__nn_to_batched_matmul(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__value *x = pome__nn_in(nn, layer, 0);
  if (layer->in_count > 1) {
    static const int64_t front = 0, behind = 1;
    pome__value *y = pome__nn_in(nn, layer, 1);
    if (pome__nn_rank(nn, x) == 1) x = pome__nn_expand(nn, x, &front, 1);
    if (pome__nn_rank(nn, y) == 1) y = pome__nn_expand(nn, y, &behind, 1);
    pome__nn_out(
        nn, layer, 0,
        POME__OP(nn, "matmul", POME__ARG("x", x), POME__ARG("y", y),
                 POME__ARG("transpose_x", pome__nn_lit_bool(nn, pome__nn_bool(nn, p, 1))),
                 POME__ARG("transpose_y", pome__nn_lit_bool(nn, pome__nn_bool(nn, p, 2)))));
    return;
  }
  const int64_t out = pome__nn_int(nn, p, 6, 0);
  const int64_t dims[] = {out, pome__nn_int(nn, p, 5, 0)}; /* columns are stored one by one */
  pome__value *weight = pome__nn_weights(nn, p, 8, "weights", 2, dims, 0);
  pome__value *bias =
      pome__nn_bool(nn, p, 7) ? pome__nn_weights(nn, p, 9, "bias", 1, &out, 0) : NULL;
  pome__nn_out(nn, layer, 0, linear(nn, x, weight, bias));
}

/* ---- embeddings ---- */

/* [vocabulary, size] of weights stored as [size, vocabulary]. */
static pome__value *table_of(pome__nn *nn, pome__pb p, int64_t vocabulary, int64_t size) {
  const int64_t dims[] = {vocabulary, size};
  size_t count = pome__nn_count(nn, 2, dims), rows = (size_t)vocabulary, columns = (size_t)size;
  if (!pome__nn_has_weights(nn, p, 20, "weights", count)) return NULL;
  float *stored = POME__NEW_ARRAY(&nn->scratch, float, count);
  float *table = stored != NULL ? pome__nn_new_floats(nn, count) : NULL;
  if (stored == NULL) pome__nn_no_memory(nn);
  if (table == NULL || !pome__nn_read_weights(nn, p, 20, "weights", columns, rows, stored))
    return NULL;
  for (size_t c = 0; c < columns; c++)
    for (size_t r = 0; r < rows; r++) table[r * columns + c] = stored[c * rows + r];
  return pome__nn_const(nn, "weights", 2, dims, table);
}

static pome__value *look_up(pome__nn *nn, pome__pb p, uint32_t bias_flag, int64_t vocabulary,
                            int64_t size, pome__value *indices) {
  pome__value *y = POME__OP(nn, "gather", POME__ARG("x", table_of(nn, p, vocabulary, size)),
                            POME__ARG("indices", pome__nn_whole(nn, indices)),
                            POME__ARG("axis", pome__nn_lit_int(nn, 0)));
  if (!pome__nn_bool(nn, p, bias_flag)) return y;
  return pome__nn_binary(nn, "add", y, pome__nn_weights(nn, p, 21, "bias", 1, &size, 0));
}

/* [..., 1, 1, 1] to [..., size, 1, 1] */
void pome__nn_to_embedding(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t behind[] = {-2, -1}, unit[] = {-3, -2, -1};
  pome__pb p = layer->params;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 4);
  int64_t vocabulary = pome__nn_int(nn, p, 1, 0), size = pome__nn_int(nn, p, 2, 0);
  pome__value *y = look_up(nn, p, 10, vocabulary, size, pome__nn_squeeze(nn, x, unit, 3));
  pome__nn_out(nn, layer, 0, pome__nn_expand(nn, y, behind, 2));
}

/* [..., 1] to [..., size] */
void pome__nn_to_embedding_nd(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t unit = -1;
  pome__pb p = layer->params;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 2);
  int64_t vocabulary = pome__nn_int(nn, p, 1, 0), size = pome__nn_int(nn, p, 2, 0);
  pome__nn_out(nn, layer, 0,
               look_up(nn, p, 3, vocabulary, size, pome__nn_squeeze(nn, x, &unit, 1)));
}
