/* Layers that change height and width: crops, padding, resizing, and moving blocks between the
 * plane and the channel.
 */
#include <string.h>

#include "load/neural_network.h"

/* ---- crops and padding ---- */

/* One input: cropAmounts 1 come off. Two: offset 5 and the sizes of the second. */
void pome__nn_to_crop(pome__nn *nn, const pome__nn_layer *layer) {
  int64_t begin[POME_MAX_RANK] = {0}, end[POME_MAX_RANK] = {0}, borders[4], offset[2];
  bool open[POME_MAX_RANK], close[POME_MAX_RANK];
  pome__value *x = pome__nn_in(nn, layer, 0), *stop = NULL;
  int rank = pome__nn_rank(nn, x);
  pome__nn_need_rank(nn, x, 2);
  if (nn->status != POME_OK) return;
  for (int d = 0; d < rank; d++) open[d] = close[d] = d < rank - 2;
  pome__nn_ints_or(nn, layer->params, 5, offset, 2, 0);
  pome__nn_borders(nn, layer->params, 1, borders);
  bool two = layer->in_count > 1;
  for (int d = 0; d < 2; d++) {
    begin[rank - 2 + d] = two ? offset[d] : borders[2 * d];
    end[rank - 2 + d] = -borders[2 * d + 1];
    if (!two && borders[2 * d + 1] == 0) close[rank - 2 + d] = true;
  }
  pome__value *start = pome__nn_lit_ints(nn, begin, (size_t)rank);
  if (two) {
    pome__value *sizes = pome__nn_shape(nn, pome__nn_in(nn, layer, 1));
    stop = pome__nn_binary(nn, "add", sizes, start);
  } else {
    stop = pome__nn_lit_ints(nn, end, (size_t)rank);
  }
  pome__nn_out(nn, layer, 0,
               POME__OP(nn, "slice_by_index", POME__ARG("x", x), POME__ARG("begin", start),
                        POME__ARG("end", stop),
                        POME__ARG("begin_mask", pome__nn_lit_bools(nn, open, (size_t)rank)),
                        POME__ARG("end_mask", pome__nn_lit_bools(nn, close, (size_t)rank))));
}

static pome__value *pad(pome__nn *nn, pome__value *x, pome__value *amounts, const char *mode,
                        double value) {
  return POME__OP(nn, "pad", POME__ARG("x", x), POME__ARG("pad", amounts),
                  POME__ARG("mode", pome__nn_lit_text(nn, mode)),
                  POME__ARG("constant_val", pome__nn_lit_float(nn, value)));
}

/* `borders` of the last two dimensions. What is more than a dimension holds is reflected again, as
 * NumPy does: a whole reflection ends where the next one may begin. */
static pome__value *reflect(pome__nn *nn, pome__value *x, const int64_t *borders) {
  int64_t left[4];
  memcpy(left, borders, sizeof left);
  for (bool more = true; more && nn->status == POME_OK;) {
    int64_t now[4];
    more = false;
    for (int i = 0; i < 4; i++) {
      int64_t most = x->type.rank < 2 ? 0 : x->type.dims[x->type.rank - 2 + i / 2] - 1;
      now[i] = most > 0 && most < left[i] ? most : left[i];
      left[i] -= now[i];
      more = more || left[i] > 0;
    }
    x = pad(nn, x, pome__nn_lit_ints(nn, now, 4), "reflect", 0);
  }
  return x;
}

/* constant 1, reflection 2, replication 3, paddingAmounts 10 */
void pome__nn_to_padding(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb inner;
  int64_t borders[4];
  const char *mode = pome__nn_message(nn, layer->params, 3, &inner) ? "replicate" : "constant";
  double value = 0;
  if (pome__nn_message(nn, layer->params, 1, &inner)) value = pome__nn_float(nn, inner, 1, 0);
  bool reflected = pome__nn_message(nn, layer->params, 2, &inner);
  pome__nn_borders(nn, layer->params, 10, borders);
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_need_rank(nn, x, 2);
  pome__nn_out(nn, layer, 0,
               reflected ? reflect(nn, x, borders)
                         : pad(nn, x, pome__nn_lit_ints(nn, borders, 4), mode, value));
}

/* Amounts to be added before and after each dimension; where sizes are meant instead, what is
 * missing goes behind. */
static void amounts_for_sizes(pome__nn *nn, const pome__value *x, int64_t *amounts, int rank) {
  for (int d = 0; nn->status == POME_OK && d < rank; d++) {
    int64_t before = amounts[2 * d], after = amounts[2 * d + 1], size = x->type.dims[d];
    int64_t wanted = before > after ? before : after;
    if (wanted == 0) continue;
    if (size == POME_DIM_UNKNOWN)
      pome__nn_fail(nn, POME_UNSUPPORTED, "padding to a size from one that is not known");
    if (before != 0 && after != 0)
      pome__nn_fail(nn, POME_UNSUPPORTED, "two sizes for dimension %d", d);
    if (wanted < size)
      pome__nn_fail(nn, POME_INPUT, "padding dimension %d of %lld to %lld", d, (long long)size,
                    (long long)wanted);
    if (nn->status != POME_OK) return;
    amounts[2 * d] = before != 0 ? wanted - size : 0;
    amounts[2 * d + 1] = after != 0 ? wanted - size : 0;
  }
}

/* value 1, padAmounts 2, padToGivenOutputSizeMode 3; the amounts may be an input. */
void pome__nn_to_constant_pad(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t amounts[2 * POME_MAX_RANK] = {0};
  double value = pome__nn_float(nn, p, 1, 0);
  pome__value *x = pome__nn_in(nn, layer, 0), *list;
  int rank = pome__nn_rank(nn, x);
  bool sizes = pome__nn_bool(nn, p, 3);
  if (layer->in_count > 1) {
    if (sizes) pome__nn_fail(nn, POME_UNSUPPORTED, "sizes that are computed when it runs");
    list = pome__nn_whole(nn, pome__nn_in(nn, layer, 1));
  } else {
    size_t count = pome__nn_ints(nn, p, 2, amounts, 2 * POME_MAX_RANK);
    if (nn->status == POME_OK && count != 2 * (size_t)rank)
      pome__nn_fail(nn, POME_INPUT, "%zu amounts for an input of rank %d", count, rank);
    if (sizes) amounts_for_sizes(nn, x, amounts, rank);
    list = pome__nn_lit_ints(nn, amounts, count);
  }
  pome__nn_out(nn, layer, 0, pad(nn, x, list, "constant", value));
}

/* ---- resizing ---- */

static pome__value *upsample_linear(pome__nn *nn, pome__value *x, const double *scale, bool corners,
                                    bool centers) {
  return POME__OP(nn, "upsample_bilinear", POME__ARG("x", x),
                  POME__ARG("scale_factor_height", pome__nn_lit_float(nn, scale[0])),
                  POME__ARG("scale_factor_width", pome__nn_lit_float(nn, scale[1])),
                  POME__ARG("align_corners", pome__nn_lit_bool(nn, corners)),
                  POME__ARG("half_pixel_centers", corners ? NULL : pome__nn_lit_bool(nn, centers)));
}

/* scalingFactor 1, mode 5: NN 0, BILINEAR 1, linearUpsampleMode 6: DEFAULT 0, ALIGN_CORNERS_TRUE 1,
 * ALIGN_CORNERS_FALSE 2, fractionalScalingFactor 7 */
void pome__nn_to_upsample(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t whole[2], mode = pome__nn_int(nn, p, 5, 0), corners = pome__nn_int(nn, p, 6, 0);
  double scale[2];
  pome__nn_ints_or(nn, p, 1, whole, 2, 1);
  bool fractional = pome__nn_floats(nn, p, 7, scale, 2) == 2;
  for (int d = 0; !fractional && d < 2; d++) scale[d] = (double)whole[d];
  pome__value *x = pome__nn_in(nn, layer, 0), *folded = pome__nn_fold(nn, x, 3), *y = NULL;
  if (mode == 0 && !fractional)
    y = POME__OP(nn, "upsample_nearest_neighbor", POME__ARG("x", folded),
                 POME__ARG("scale_factor_height", pome__nn_lit_int(nn, whole[0])),
                 POME__ARG("scale_factor_width", pome__nn_lit_int(nn, whole[1])));
  else if (mode == 1 && corners >= 0 && corners <= 2)
    y = upsample_linear(nn, folded, scale, corners == 1, corners == 2);
  else
    pome__nn_fail(nn, POME_UNSUPPORTED, "interpolation of mode %lld, %lld%s", (long long)mode,
                  (long long)corners, fractional ? " by fractions" : "");
  pome__nn_out(nn, layer, 0, pome__nn_unfold(nn, y, x, 3));
}

/* SamplingMode{samplingMethod 1} */
static const char *sampling_of(pome__nn *nn, pome__pb p, uint32_t number) {
  static const char *const methods[] = {"STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT",
                                        "OFFSET_CORNERS"};
  pome__pb inner;
  int64_t method = pome__nn_message(nn, p, number, &inner) ? pome__nn_int(nn, inner, 1, 0) : 0;
  if (method >= 0 && method < 4) return methods[method];
  pome__nn_fail(nn, POME_UNSUPPORTED, "sampling by method %lld", (long long)method);
  return methods[0];
}

void pome__nn_to_resize_bilinear(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb p = layer->params;
  int64_t size[2];
  pome__nn_ints_or(nn, p, 1, size, 2, 1);
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__value *y =
      POME__OP(nn, "resize_bilinear", POME__ARG("x", pome__nn_fold(nn, x, 3)),
               POME__ARG("target_size_height", pome__nn_lit_int(nn, size[0])),
               POME__ARG("target_size_width", pome__nn_lit_int(nn, size[1])),
               POME__ARG("sampling_mode", pome__nn_lit_text(nn, sampling_of(nn, p, 2))));
  pome__nn_out(nn, layer, 0, pome__nn_unfold(nn, y, x, 3));
}

/* [1, B, C, H, W] and boxes [N, 1, 4 or 5, 1, 1]. BoxCoordinatesMode{boxMode 1} */
void pome__nn_to_crop_resize(pome__nn *nn, const pome__nn_layer *layer) {
  static const char *const boxes[] = {"CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST",
                                      "CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST"};
  pome__pb p = layer->params, inner;
  int64_t size[2];
  pome__nn_ints_or(nn, p, 1, size, 2, 1);
  int64_t box = pome__nn_message(nn, p, 4, &inner) ? pome__nn_int(nn, inner, 1, 0) : 0;
  if (box < 0 || box > 3) pome__nn_fail(nn, POME_UNSUPPORTED, "boxes of mode %lld", (long long)box);
  if (nn->status != POME_OK) return;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__nn_out(
      nn, layer, 0,
      POME__OP(
          nn, "crop_resize", POME__ARG("x", pome__nn_fold(nn, x, 3)),
          POME__ARG("roi", pome__nn_in(nn, layer, 1)),
          POME__ARG("target_height", pome__nn_lit_int(nn, size[0])),
          POME__ARG("target_width", pome__nn_lit_int(nn, size[1])),
          POME__ARG("normalized_coordinates", pome__nn_lit_bool(nn, pome__nn_bool(nn, p, 2))),
          POME__ARG("spatial_scale", pome__nn_lit_float(nn, pome__nn_float_not_0(nn, p, 5, 1))),
          POME__ARG("box_coordinate_mode", pome__nn_lit_text(nn, boxes[box])),
          POME__ARG("sampling_mode", pome__nn_lit_text(nn, sampling_of(nn, p, 3)))));
}

/* mode 1: SPACE_TO_DEPTH 0, DEPTH_TO_SPACE 1, PIXEL_SHUFFLE 2; blockSize 2 */
void pome__nn_to_reorganize(pome__nn *nn, const pome__nn_layer *layer) {
  static const char *const types[] = {"space_to_depth", "depth_to_space", "pixel_shuffle"};
  int64_t mode = pome__nn_int(nn, layer->params, 1, 0);
  if (mode < 0 || mode > 2) pome__nn_fail(nn, POME_UNSUPPORTED, "mode %lld", (long long)mode);
  if (nn->status != POME_OK) return;
  pome__value *x = pome__nn_in(nn, layer, 0);
  pome__value *block = pome__nn_lit_int(nn, pome__nn_int(nn, layer->params, 2, 0));
  pome__value *y = POME__OP(nn, types[mode], POME__ARG("x", pome__nn_fold(nn, x, 3)),
                            POME__ARG(mode == 2 ? "upscale_factor" : "block_size", block));
  pome__nn_out(nn, layer, 0, pome__nn_unfold(nn, y, x, 3));
}
