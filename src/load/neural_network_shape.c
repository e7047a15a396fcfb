/* Layers that give the same elements another shape or order. Those of the older kind speak of
 * [sequence, batch, channel, height, width], or of its last dimensions.
 */
#include <string.h>

#include "load/neural_network.h"

/* ---- order ---- */

void pome__nn_to_copy(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, pome__nn_in(nn, layer, 0));
}

void pome__nn_to_transpose(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t perm[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, layer->params, 1, perm, POME_MAX_RANK);
  pome__value *x = pome__nn_in(nn, layer, 0);
  size_t rank = (size_t)pome__nn_rank(nn, x);
  /* Images have a batch of 1 that layers for arrays of rank 3 do not count. */
  bool image = nn->status == POME_OK && rank == 4 && count == 3 && x->type.dims[0] == 1;
  if (nn->status == POME_OK && rank != count && !image)
    pome__nn_fail(nn, POME_INPUT, "%zu axes for an input of rank %zu", count, rank);
  if (image) {
    for (size_t i = 3; i > 0; i--) perm[i] = perm[i - 1] + 1;
    perm[0] = 0;
  }
  pome__nn_out(nn, layer, 0, pome__nn_transpose(nn, x, perm));
}

/* An order of sequence, channel, height and width; the batch stays second. */
void pome__nn_to_permute(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t place[] = {0, 2, 3, 4};
  int64_t order[4], perm[5] = {0, 1, 2, 3, 4};
  size_t count = pome__nn_ints(nn, layer->params, 1, order, 4);
  pome__value *x = pome__nn_in(nn, layer, 0);
  int rank = pome__nn_rank(nn, x);
  if (count != 0 && count != 4) pome__nn_fail(nn, POME_INPUT, "%zu axes; 4 are needed", count);
  for (size_t i = 0; nn->status == POME_OK && i < count; i++) {
    if (order[i] < 0 || order[i] > 3)
      pome__nn_fail(nn, POME_INPUT, "axis %lld; 0 to 3 are allowed", (long long)order[i]);
    else perm[place[i]] = place[order[i]];
  }
  if (nn->status == POME_OK && rank != 5 && (rank != 4 || perm[0] != 0))
    pome__nn_fail(nn, POME_UNSUPPORTED, "permuting an input of rank %d", rank);
  /* Of rank 4 there is no sequence. */
  if (rank == 4)
    for (int i = 0; i < 4; i++) perm[i] = perm[i + 1] - 1;
  pome__nn_out(nn, layer, 0, pome__nn_transpose(nn, x, perm));
}

/* [.., C, H, W] to [.., H, W, C], or back. */
static pome__value *turn_channel(pome__nn *nn, pome__value *x, bool last) {
  int64_t perm[POME_MAX_RANK];
  int rank = pome__nn_rank(nn, x);
  if (nn->status != POME_OK || rank < 3) return NULL;
  for (int d = 0; d < rank; d++) perm[d] = d;
  for (int d = 0; d < 3; d++) perm[rank - 3 + d] = rank - 3 + (last ? (d + 1) % 3 : (d + 2) % 3);
  return pome__nn_transpose(nn, x, perm);
}

void pome__nn_to_reverse(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t flags[POME_MAX_RANK], axes[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, layer->params, 1, flags, POME_MAX_RANK), turned = 0;
  pome__value *x = pome__nn_in(nn, layer, 0);
  for (size_t i = 0; i < count; i++)
    if (flags[i] != 0) axes[turned++] = (int64_t)i;
  if (turned > 0)
    x = POME__OP(nn, "reverse", POME__ARG("x", x),
                 POME__ARG("axes", pome__nn_lit_ints(nn, axes, turned)));
  pome__nn_out(nn, layer, 0, x);
}

void pome__nn_to_reverse_sequence(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "reverse_sequence", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("lengths", pome__nn_whole(nn, pome__nn_in(nn, layer, 1))),
                        POME__ARG("seq_axis", pome__nn_lit_int(nn, pome__nn_int(nn, p, 2, 0))),
                        POME__ARG("batch_axis", pome__nn_lit_int(nn, pome__nn_int(nn, p, 1, 0)))));
}

/* ---- shape, as the older layers have it ---- */

void pome__nn_to_flatten(pome__nn *nn, const pome__nn_layer *layer) {
  static const int64_t column[] = {-1, 1, 1};
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 3);
  int rank = pome__nn_rank(nn, x);
  if (pome__nn_int(nn, layer->params, 1, 0) == 1) x = turn_channel(nn, x, true);
  pome__nn_out(nn, layer, 0, pome__nn_reshape_after(nn, x, x, rank - 3, column, 3));
}

/* targetShape 1, [C, H, W] or [S, C, H, W], and mode 2. Channel last means that the elements are
 * read, and put, with the channel as the fastest dimension. */
void pome__nn_to_reshape(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t target[4], shape[4];
  size_t count = pome__nn_ints(nn, layer->params, 1, target, 4);
  bool last = pome__nn_int(nn, layer->params, 2, 0) == 1;
  pome__value *x = pome__nn_in(nn, layer, 0);
  int rank = pome__nn_rank(nn, x);
  pome__nn_need_rank(nn, x, 3);
  if (count < 3 || (count == 4 && rank != 5))
    pome__nn_fail(nn, POME_INPUT, "a target of %zu dimensions for an input of rank %d", count,
                  rank);
  if (nn->status != POME_OK) return;
  const int64_t *plane = target + count - 3;
  for (int d = 0; d < 3; d++) shape[d] = last ? plane[(d + 1) % 3] : plane[d];
  if (last) x = turn_channel(nn, x, true);
  if (count == 4) {
    const int64_t all[] = {target[0], 1, shape[0], shape[1], shape[2]};
    x = pome__nn_reshape(nn, x, 5, all);
  } else {
    x = pome__nn_reshape_after(nn, x, x, rank - 3, shape, 3);
  }
  pome__nn_out(nn, layer, 0, last ? turn_channel(nn, x, false) : x);
}

void pome__nn_to_sequence_repeat(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t reps[POME_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
  int64_t count = pome__nn_int(nn, layer->params, 1, 1);
  pome__value *x = pome__nn_in(nn, layer, 0);
  int rank = pome__nn_rank(nn, x);
  pome__nn_need_rank(nn, x, 5);
  if (nn->status != POME_OK) return;
  reps[rank - 5] = count == 0 ? 1 : count;
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "tile", POME__ARG("x", x),
                        POME__ARG("reps", pome__nn_lit_ints(nn, reps, (size_t)rank))));
}

/* ---- shape ---- */

void pome__nn_to_squeeze(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t axes[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, layer->params, 1, axes, POME_MAX_RANK);
  pome__value *x = pome__nn_in(nn, layer, 0);
  if (pome__nn_rank(nn, x) == 1) count = 0;
  else if (pome__nn_bool(nn, layer->params, 2))
    x = pome__nn_at_least_1d(nn, pome__nn_unary(nn, "squeeze", x));
  pome__nn_out(nn, layer, 0,
               pome__nn_bool(nn, layer->params, 2) ? x : pome__nn_squeeze(nn, x, axes, count));
}

void pome__nn_to_expand_dims(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t axes[POME_MAX_RANK];
  size_t count = pome__nn_ints(nn, layer->params, 1, axes, POME_MAX_RANK);
  pome__nn_out(nn, layer, 0, pome__nn_expand(nn, pome__nn_in(nn, layer, 0), axes, count));
}

void pome__nn_to_flatten_to_2d(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t axis = pome__nn_int(nn, layer->params, 1, 0);
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "flatten2d", POME__ARG("x", pome__nn_in(nn, layer, 0)),
                        POME__ARG("axis", pome__nn_lit_int(nn, axis))));
}

static pome__value *reshape_to(pome__nn *nn, pome__value *x, pome__value *shape) {
  return POME__OP(nn, "reshape", POME__ARG("x", x), POME__ARG("shape", shape));
}

void pome__nn_to_reshape_like(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *like = pome__nn_in(nn, layer, 1);
  pome__nn_out(nn, layer, 0, reshape_to(nn, pome__nn_in(nn, layer, 0), pome__nn_shape(nn, like)));
}

void pome__nn_to_reshape_static(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t shape[POME_MAX_RANK];
  size_t rank = pome__nn_ints(nn, layer->params, 1, shape, POME_MAX_RANK);
  pome__value *y = pome__nn_reshape(nn, pome__nn_in(nn, layer, 0), (int)rank, shape);
  pome__nn_out(nn, layer, 0, pome__nn_at_least_1d(nn, y));
}

void pome__nn_to_reshape_dynamic(pome__nn *nn, const pome__nn_layer *layer) {
  pome__value *shape = pome__nn_whole(nn, pome__nn_in(nn, layer, 1));
  pome__nn_out(nn, layer, 0, reshape_to(nn, pome__nn_in(nn, layer, 0), shape));
}

/* 0 keeps the dimension, as in `reshape` of the function's opset. */
void pome__nn_to_reshape_same_rank(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t shape[POME_MAX_RANK];
  size_t rank = pome__nn_ints(nn, layer->params, 1, shape, POME_MAX_RANK);
  pome__value *x = pome__nn_in(nn, layer, 0);
  if (nn->status == POME_OK && (size_t)pome__nn_rank(nn, x) != rank)
    pome__nn_fail(nn, POME_INPUT, "a target of %zu dimensions for an input of rank %d", rank,
                  x->type.rank);
  pome__nn_out(nn, layer, 0, pome__nn_reshape(nn, x, (int)rank, shape));
}

void pome__nn_to_get_shape(pome__nn *nn, const pome__nn_layer *layer) {
  pome__nn_out(nn, layer, 0, pome__nn_shape(nn, pome__nn_in(nn, layer, 0)));
}

/* ---- broadcasting: a product with ones of the shape ---- */

static pome__value *ones(pome__nn *nn, pome__value *shape) {
  return POME__OP(nn, "fill", POME__ARG("shape", shape),
                  POME__ARG("value", pome__nn_lit_float(nn, 1)));
}

static void broadcast(pome__nn *nn, const pome__nn_layer *layer, pome__value *shape) {
  pome__nn_out(nn, layer, 0,
               pome__nn_binary(nn, "mul", pome__nn_in(nn, layer, 0), ones(nn, shape)));
}

void pome__nn_to_broadcast_like(pome__nn *nn, const pome__nn_layer *layer) {
  broadcast(nn, layer, pome__nn_shape(nn, pome__nn_in(nn, layer, 1)));
}

void pome__nn_to_broadcast_static(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t shape[POME_MAX_RANK];
  size_t rank = pome__nn_ints(nn, layer->params, 1, shape, POME_MAX_RANK);
  broadcast(nn, layer, pome__nn_lit_ints(nn, shape, rank));
}

void pome__nn_to_broadcast_dynamic(pome__nn *nn, const pome__nn_layer *layer) {
  broadcast(nn, layer, pome__nn_whole(nn, pome__nn_in(nn, layer, 1)));
}
