/* Family image_resizing: resizing the last dimensions, cropping; the rows. Sampling at points is in
 * sampling.c.
 *
 * Linear and nearest resizing is done one dimension after the other: for each result index there is
 * a pair of source indices and how much of the second is taken.
 */
#include <math.h>
#include <string.h>

#include "ops/args.h"
#include "ops/families.h"
#include "ops/loops.h"
#include "ops/move.h"
#include "ops/sampling.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define FAMILY "image_resizing"

/* ---- resizing dimensions ---- */

typedef struct tap {
  int64_t low, high;
  double part; /* of high */
} tap;

static tap linear_tap(pome__grid grid, int64_t in, int64_t out, int64_t i) {
  double p = fmin(fmax(pome__grid_point(grid, 0, (double)(in - 1), out, i), 0), (double)(in - 1));
  tap t = {(int64_t)p, (int64_t)p, p - floor(p)};
  if (t.part > 0) t.high++;
  return t;
}

/* How a point becomes a pixel: resize takes the nearest one, of two equally near ones the first on
 * the default grid and the second on the others (where a half means the middle between pixels); the
 * older ops round down. */
typedef enum rounding { LINEAR, ROUND_DOWN, NEAREST } rounding;

static tap pixel_tap(pome__grid grid, rounding how, int64_t in, int64_t out, int64_t i) {
  double p = pome__grid_point(grid, 0, (double)(in - 1), out, i);
  if (how == ROUND_DOWN) {
    p = floor((double)i * (double)in / (double)out);
  } else {
    p = grid == POME__GRID_DEFAULT ? ceil(p - 0.5) : floor(p + 0.5);
  }
  p = fmin(fmax(p, 0), (double)(in - 1));
  tap t = {(int64_t)p, (int64_t)p, 0};
  return t;
}

/* x as [outer, in, inner] to [outer, out, inner]. */
static void resize_dim(const double *x, int64_t outer, int64_t in, int64_t inner, int64_t out,
                       const tap *taps, double *y) {
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < out; i++) {
      const double *low = x + (o * in + taps[i].low) * inner;
      const double *high = x + (o * in + taps[i].high) * inner;
      double *to = y + (o * out + i) * inner;
      double part = taps[i].part;
      if (part == 0) {
        memcpy(to, low, (size_t)inner * sizeof(double));
      } else {
        for (int64_t k = 0; k < inner; k++) to[k] = low[k] * (1 - part) + high[k] * part;
      }
    }
  }
}

/* Resizes the last `dims` dimensions of x, plane by plane. */
static pome_status resize_last(pome__call *call, int dims, pome__grid grid, rounding how) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int first = x->rank - dims;
  double *buffers[POME_MAX_RANK + 1];
  tap *taps[POME_MAX_RANK];
  if (pome_tensor_count(y) == 0) return POME_OK;
  size_t plane = (size_t)pome__dims_product(x->shape, first, x->rank);
  size_t size = plane;
  buffers[0] = POME__SCRATCH(call, double, plane);
  if (buffers[0] == NULL) return pome__call_memory(call);
  for (int d = 0; d < dims; d++) {
    int64_t in = x->shape[first + d];
    int64_t out = y->shape[first + d];
    size = size / (size_t)in * (size_t)out;
    buffers[d + 1] = POME__SCRATCH(call, double, size);
    taps[d] = POME__SCRATCH(call, tap, (size_t)out);
    if (buffers[d + 1] == NULL || taps[d] == NULL) return pome__call_memory(call);
    for (int64_t i = 0; i < out; i++) {
      taps[d][i] = how == LINEAR ? linear_tap(grid, in, out, i) : pixel_tap(grid, how, in, out, i);
    }
  }
  int64_t planes = pome__dims_product(x->shape, 0, first);
  for (int64_t p = 0; p < planes; p++) {
    pome__load_f64(x->data, x->dtype, p * (int64_t)plane, 1, plane, buffers[0]);
    for (int d = 0; d < dims; d++) {
      int64_t outer = pome__dims_product(y->shape, first, first + d);
      int64_t inner = pome__dims_product(x->shape, first + d + 1, x->rank);
      resize_dim(buffers[d], outer, x->shape[first + d], inner, y->shape[first + d], taps[d],
                 buffers[d + 1]);
    }
    pome__store_f64(y->data, y->dtype, p * (int64_t)size, 1, size, buffers[dims]);
  }
  return POME_OK;
}

/* Resizing needs pixels to start from, unless nothing is asked for. */
static pome_status out_resized(pome__call *call, int dims_count, const int64_t *sizes) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t dims[POME_MAX_RANK];
  memcpy(dims, x->dims, sizeof(dims));
  for (int i = 0; i < dims_count; i++) {
    int at = x->rank - dims_count + i;
    if (dims[at] == 0 && sizes[i] != 0)
      return pome__call_fail(call, "dimension %d of 'x' is empty", at);
    if (sizes[i] != POME_DIM_UNKNOWN && sizes[i] < 1) {
      return pome__call_fail(call, "dimension %d would become %lld; it must be at least 1", at,
                             (long long)sizes[i]);
    }
    dims[at] = sizes[i];
  }
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

/* ---- resize_bilinear, resize_nearest_neighbor ---- */

static pome_status infer_to_size(pome__call *call) {
  int64_t sizes[2];
  POME__TRY(pome__need_rank(call, 0, 0, 3, POME_MAX_RANK));
  POME__TRY(pome__arg_int(call, "target_size_height", &sizes[0]));
  POME__TRY(pome__arg_int(call, "target_size_width", &sizes[1]));
  if (sizes[0] < 1 || sizes[1] < 1) {
    return pome__call_fail(call, "the target size is %lld by %lld; it must be at least 1 by 1",
                           (long long)sizes[0], (long long)sizes[1]);
  }
  int mode;
  if (pome__arg_index(call, "sampling_mode") >= 0) {
    POME__TRY(pome__arg_choice(call, "sampling_mode", pome__grid_names, &mode));
  }
  const pome__type *x = pome__type_of(call, 0, 0);
  return x->rank < 0 ? pome__out(call, 0, x->dtype, -1, NULL) : out_resized(call, 2, sizes);
}

static pome_status eval_resize_bilinear(pome__call *call) {
  int mode;
  POME__TRY(pome__arg_choice(call, "sampling_mode", pome__grid_names, &mode));
  return resize_last(call, 2, (pome__grid)mode, LINEAR);
}

static pome_status eval_nearest(pome__call *call) {
  return resize_last(call, 2, POME__GRID_DEFAULT, ROUND_DOWN);
}

/* ---- upsample ---- */

static pome_status scaled_size(pome__call *call, const char *name, int64_t dim, int64_t *out) {
  double scale;
  POME__TRY(pome__arg_float(call, name, &scale));
  *out = POME_DIM_UNKNOWN;
  if (dim == POME_DIM_UNKNOWN) return POME_OK;
  double size = (double)floorf((float)scale * (float)dim);
  if (!(size >= 1 && size < 0x1p40)) {
    return pome__call_fail(call, "parameter '%s' is %g, which makes %lld pixels %g", name, scale,
                           (long long)dim, size);
  }
  *out = (int64_t)size;
  return POME_OK;
}

static pome_status infer_upsample(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t sizes[2];
  POME__TRY(pome__need_rank(call, 0, 0, 3, POME_MAX_RANK));
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  POME__TRY(scaled_size(call, "scale_factor_height", x->dims[x->rank - 2], &sizes[0]));
  POME__TRY(scaled_size(call, "scale_factor_width", x->dims[x->rank - 1], &sizes[1]));
  return out_resized(call, 2, sizes);
}

/* half_pixel_centers, when absent, is the opposite of align_corners. */
static pome_status eval_upsample_bilinear(pome__call *call) {
  bool align = pome__arg_bool(call, "align_corners");
  bool half = pome__arg_given(call, "half_pixel_centers")
                  ? pome__arg_bool(call, "half_pixel_centers")
                  : !align;
  pome__grid grid = align  ? POME__GRID_STRICT_ALIGN
                    : half ? POME__GRID_UNALIGN
                           : POME__GRID_DEFAULT;
  return resize_last(call, 2, grid, LINEAR);
}

/* ---- resize ---- */

static const char *const interpolations[] = {"LINEAR", "NEAREST_NEIGHBOR", NULL};

static pome_status infer_resize(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *shape = pome__arg_type(call, "shape");
  int64_t count;
  int mode;
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "shape"), 0, 1, 1));
  POME__TRY(pome__arg_choice(call, "interpolation_mode", interpolations, &mode));
  POME__TRY(pome__arg_choice(call, "sampling_mode", pome__grid_names, &mode));
  POME__TRY(pome__arg_int(call, "resized_dims", &count));
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  int64_t given = shape->rank == 1 ? shape->dims[0] : POME_DIM_UNKNOWN;
  if (count < 0 || count > x->rank ||
      (given != POME_DIM_UNKNOWN && (given > x->rank || count > given))) {
    return pome__call_fail(call,
                           "resized_dims is %lld, shape has %lld numbers and x %d dimensions; each "
                           "may be at most the next",
                           (long long)count, (long long)given, (int)x->rank);
  }
  int64_t sizes[POME_MAX_RANK];
  for (int i = 0; i < count; i++) sizes[i] = POME_DIM_UNKNOWN;
  if (pome__arg_tensor(call, "shape") != NULL) {
    int64_t list[POME_MAX_RANK];
    size_t length;
    POME__TRY(pome__arg_ints(call, "shape", list, POME_MAX_RANK, &length));
    for (int64_t i = 0; i < count; i++) {
      int64_t size = list[(int64_t)length - count + i];
      if (size < 0) {
        return pome__call_fail(call, "'shape' holds %lld; allowed: 0, which keeps the size, and up",
                               (long long)size);
      }
      sizes[i] = size == 0 ? x->dims[x->rank - count + i] : size;
    }
  }
  return out_resized(call, (int)count, sizes);
}

static pome_status eval_resize(pome__call *call) {
  int interpolation;
  int grid;
  int64_t count;
  POME__TRY(pome__arg_choice(call, "interpolation_mode", interpolations, &interpolation));
  POME__TRY(pome__arg_choice(call, "sampling_mode", pome__grid_names, &grid));
  POME__TRY(pome__arg_int(call, "resized_dims", &count));
  return resize_last(call, (int)count, (pome__grid)grid, interpolation == 1 ? NEAREST : LINEAR);
}

/* ---- crop ---- */

static pome_status read_crops(pome__call *call, int64_t *crops) {
  POME__TRY(pome__arg_ints_exact(call, "crop_height", crops, 2));
  POME__TRY(pome__arg_ints_exact(call, "crop_width", crops + 2, 2));
  for (int i = 0; i < 4; i++) {
    if (crops[i] < 0)
      return pome__call_fail(call, "a crop is %lld; it must not be negative", (long long)crops[i]);
  }
  return POME_OK;
}

static pome_status infer_crop(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t crops[4];
  POME__TRY(pome__need_rank(call, 0, 0, 3, POME_MAX_RANK));
  POME__TRY(read_crops(call, crops));
  if (x->rank < 0) return pome__out(call, 0, x->dtype, -1, NULL);
  int64_t dims[POME_MAX_RANK];
  memcpy(dims, x->dims, sizeof(dims));
  for (int i = 0; i < 2; i++) {
    int64_t *dim = &dims[x->rank - 2 + i];
    if (*dim == POME_DIM_UNKNOWN) continue;
    *dim -= crops[2 * i] + crops[2 * i + 1];
    if (*dim < 0)
      return pome__call_fail(call, "dimension %d has fewer elements than are cropped",
                             x->rank - 2 + i);
  }
  return pome__out(call, 0, x->dtype, x->rank, dims);
}

static pome_status eval_crop(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  int64_t crops[4];
  int64_t from[POME_MAX_RANK];
  int64_t to[POME_MAX_RANK];
  POME__TRY(read_crops(call, crops));
  if (pome_tensor_count(y) == 0) return POME_OK;
  pome__shape_strides(x->rank, x->shape, from);
  pome__shape_strides(y->rank, y->shape, to);
  pome__move(y->rank, y->shape, x, crops[0] * from[x->rank - 2] + crops[2], from, y, 0, to);
  return POME_OK;
}

/* ---- rows ---- */

#define I32        POME__BIT(INT32)
#define CONST      POME__PARAM_CONST
#define TEXT(name) POME__P(name, 0, POME__BIT(STRING), CONST)
#define X          POME__P("x", 'T', POME__TF, 0)
#define SIZE(name) POME__P_INT(name, 0, I32, CONST, 1)
#define SCALES                                                                                     \
  POME__P_INT("scale_factor_height", 'U', I32 | POME__BIT(FP32), CONST, 1),                        \
      POME__P_INT("scale_factor_width", 'U', I32 | POME__BIT(FP32), CONST, 1)
#define CROP_SAMPLING                                                                              \
  SIZE("target_height"), SIZE("target_width"),                                                     \
      POME__P_BOOL("normalized_coordinates", CONST, false),                                        \
      POME__P_FLOAT("spatial_scale", 0, POME__BIT(FP32), CONST, 1),                                \
      POME__P_STRING("box_coordinate_mode", CONST, "CORNERS_HEIGHT_FIRST"),                        \
      POME__P_STRING("sampling_mode", CONST, "DEFAULT")
#define PAD_VALUE POME__P_FLOAT("pad_value", 'T', POME__TF, CONST, 0)
#define POINTS                                                                                     \
  TEXT("sampling_mode"), TEXT("padding_mode"), POME__P("padding_value", 'T', POME__TF, CONST),     \
      TEXT("coordinates_mode"), POME__P("align_corners", 0, POME__BIT(BOOL), CONST)
#define SMALL_INTS (POME__BIT(INT8) | POME__BIT(UINT8) | POME__BIT(INT16) | POME__BIT(UINT16))

static const pome__param affine_params[] = {X, POME__P("transform_matrix", 'T', POME__TF, 0),
                                            POME__P("output_height", 0, I32, CONST),
                                            POME__P("output_width", 0, I32, CONST), POINTS};
static const pome__param crop_params[] = {X, POME__P("crop_height", 0, I32, CONST),
                                          POME__P("crop_width", 0, I32, CONST)};
static const pome__param crop_resize_15[] = {X, POME__P("roi", 'T', POME__TF, 0), CROP_SAMPLING};
static const pome__param crop_resize_16[] = {X, POME__P("roi", 'T', POME__TF, 0), CROP_SAMPLING,
                                             PAD_VALUE};
static const pome__param crop_resize_17[] = {
    X, POME__P("boxes", 'B', POME__TF | POME__BIT(UINT16), 0),
    POME__P("box_indices", 'I', I32 | POME__BIT(UINT16), POME__PARAM_OPTIONAL), CROP_SAMPLING,
    PAD_VALUE};
static const pome__param resample_15[] = {X, POME__P("coordinates", 'U', I32 | POME__BIT(FP32), 0),
                                          POINTS};
static const pome__param resample_16[] = {X, POME__P("coordinates", 'U', I32 | POME__TF, 0),
                                          POINTS};
static const pome__param resample_17[] = {
    X, POME__P("coordinates", 'U', I32 | POME__TF | SMALL_INTS, 0), POINTS};
static const pome__param resize_params[] = {
    POME__P("x", 'T', POME__TFI, 0),
    POME__P("shape", 'U', I32 | POME__BIT(INT16) | POME__BIT(UINT16) | POME__BIT(UINT32), 0),
    POME__P("resized_dims", 0, POME__BIT(UINT32), CONST),
    POME__P_STRING("interpolation_mode", CONST, "LINEAR"),
    POME__P_STRING("sampling_mode", CONST, "DEFAULT")};
static const pome__param bilinear_params[] = {X, SIZE("target_size_height"),
                                              SIZE("target_size_width"),
                                              POME__P_STRING("sampling_mode", CONST, "DEFAULT")};
static const pome__param nearest_params[] = {X, POME__P("target_size_height", 0, I32, CONST),
                                             POME__P("target_size_width", 0, I32, CONST)};
static const pome__param upsample_15[] = {X, SCALES, POME__P_BOOL("align_corners", CONST, true)};
static const pome__param upsample_16[] = {
    X, SCALES, POME__P_BOOL("align_corners", CONST, true),
    POME__P("half_pixel_centers", 0, POME__BIT(BOOL), CONST | POME__PARAM_OPTIONAL)};
static const pome__param upsample_nearest_params[] = {X, SCALES};

#define PURE(name, since, params, infer, eval)                                                     \
  POME__ROW(name, FAMILY, POME__##since, POME__OP_PURE, params, infer, eval)

static const pome__schema rows[] = {
    PURE("affine", IOS15, affine_params, pome__infer_affine, pome__eval_affine),
    PURE("crop", IOS13, crop_params, infer_crop, eval_crop),
    PURE("crop_resize", IOS13, crop_resize_15, pome__infer_crop_resize, pome__eval_crop_resize),
    PURE("crop_resize", IOS16, crop_resize_16, pome__infer_crop_resize, pome__eval_crop_resize),
    PURE("crop_resize", IOS17, crop_resize_17, pome__infer_crop_resize, pome__eval_crop_resize),
    PURE("resample", IOS15, resample_15, pome__infer_resample, pome__eval_resample),
    PURE("resample", IOS16, resample_16, pome__infer_resample, pome__eval_resample),
    PURE("resample", IOS17, resample_17, pome__infer_resample, pome__eval_resample),
    PURE("resize", IOS17, resize_params, infer_resize, eval_resize),
    PURE("resize_bilinear", IOS13, bilinear_params, infer_to_size, eval_resize_bilinear),
    PURE("resize_nearest_neighbor", IOS13, nearest_params, infer_to_size, eval_nearest),
    PURE("upsample_bilinear", IOS13, upsample_15, infer_upsample, eval_upsample_bilinear),
    PURE("upsample_bilinear", IOS16, upsample_16, infer_upsample, eval_upsample_bilinear),
    PURE("upsample_nearest_neighbor", IOS13, upsample_nearest_params, infer_upsample, eval_nearest),
};

const pome__schema *pome__ops_image_resizing(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
