/* resample, affine, crop_resize. See sampling.h.
 *
 * A point between pixels is interpolated from its four neighbours, each of which is looked up under
 * the padding mode, so the image behaves as if it went on for ever.
 */
#include "ops/sampling.h"

#include <math.h>
#include <string.h>

#include "ops/args.h"
#include "ops/loops.h"
#include "tensor/element.h"

const char *const pome__grid_names[] = {"DEFAULT",        "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS",
                                        "OFFSET_CORNERS", "UNALIGN_CORNERS",      NULL};

double pome__grid_point(pome__grid grid, double first, double last, int64_t count, int64_t i) {
  double span = last - first;
  double pixels = span + 1;
  double n = (double)count;
  double at = (double)i;
  double p = 0;
  switch (grid) {
  case POME__GRID_STRICT_ALIGN:
  case POME__GRID_ALIGN:
    if (count > 1) return first + span * at / (n - 1);
    return grid == POME__GRID_ALIGN ? first + span / 2 : first;
  case POME__GRID_OFFSET: p = (at + 0.5) * fmax(1, span) / n; break;
  case POME__GRID_UNALIGN: p = (at + 0.5) * pixels / n - 0.5; break;
  default: p = at * pixels / n; break;
  }
  double low = span < 0 ? span : 0;
  double high = span < 0 ? 0 : span;
  return first + fmin(fmax(p, low), high);
}

/* ---- looking up pixels ---- */

enum padding { CONSTANT, BORDER, REFLECTION, SYMMETRIC };
static const char *const paddings[] = {"constant", "border", "reflection", "symmetric", NULL};

/* Index into a dimension of n > 0 pixels, or -1 for padding. */
static int64_t pad_index(int64_t v, int64_t n, int padding) {
  if (v >= 0 && v < n) return v;
  if (padding == CONSTANT) return -1;
  if (padding == BORDER || n == 1) return v < 0 ? 0 : n - 1;
  int64_t period = padding == REFLECTION ? 2 * (n - 1) : 2 * n;
  v %= period;
  if (v < 0) v += period;
  if (v < n) return v;
  return padding == REFLECTION ? period - v : period - 1 - v;
}

typedef struct image {
  const double *pixels;
  int64_t height, width;
  int padding;
  double value; /* of padding */
  bool nearest;
} image;

static double pixel(const image *m, int64_t y, int64_t x) {
  y = pad_index(y, m->height, m->padding);
  x = pad_index(x, m->width, m->padding);
  return y < 0 || x < 0 ? m->value : m->pixels[y * m->width + x];
}

/* Keeps coordinates that are no numbers, or far away, where integers can follow. */
static double tame(double v) {
  return v > 1e9 ? 1e9 : v > -1e9 ? v : -1e9;
}

/* A coordinate where reflections put it within the image: what is halfway between two pixels is
 * rounded there. */
static double fold(double v, int64_t n, int padding) {
  double edge = padding == SYMMETRIC ? 0.5 : 0;
  double span = (double)n - 1 + 2 * edge;
  if (padding == CONSTANT || padding == BORDER || span == 0) return v;
  v = fmod(fabs(v + edge), 2 * span);
  return (v > span ? 2 * span - v : v) - edge;
}

static double sample(const image *m, double y, double x) {
  y = tame(y);
  x = tame(x);
  if (m->nearest) {
    y = rint(fold(y, m->height, m->padding));
    x = rint(fold(x, m->width, m->padding));
    return pixel(m, (int64_t)y, (int64_t)x);
  }
  double top = floor(y);
  double left = floor(x);
  int64_t i = (int64_t)top;
  int64_t j = (int64_t)left;
  double dy = y - top;
  double dx = x - left;
  double upper = dx == 0 ? pixel(m, i, j) : pixel(m, i, j) * (1 - dx) + pixel(m, i, j + 1) * dx;
  if (dy == 0) return upper;
  double lower =
      dx == 0 ? pixel(m, i + 1, j) : pixel(m, i + 1, j) * (1 - dx) + pixel(m, i + 1, j + 1) * dx;
  return upper * (1 - dy) + lower * dy;
}

/* ---- resample, affine ---- */

enum coordinates { UNNORMALIZED, MINUS_ONE_TO_ONE, ZERO_TO_ONE };
static const char *const coordinate_modes[] = {"unnormalized", "normalized_minus_one_to_one",
                                               "normalized_zero_to_one", NULL};
static const char *const sampling_modes[] = {"bilinear", "nearest", NULL};

/* What resample and affine have in common. */
typedef struct sampler {
  int mode, coordinates;
  bool align;
  image m;
} sampler;

static pome_status read_sampler(pome__call *call, sampler *s) {
  memset(s, 0, sizeof(*s));
  POME__TRY(pome__arg_choice(call, "sampling_mode", sampling_modes, &s->mode));
  POME__TRY(pome__arg_choice(call, "padding_mode", paddings, &s->m.padding));
  POME__TRY(pome__arg_choice(call, "coordinates_mode", coordinate_modes, &s->coordinates));
  POME__TRY(pome__arg_float(call, "padding_value", &s->m.value));
  s->align = pome__arg_bool(call, "align_corners");
  s->m.nearest = s->mode == 1;
  return POME_OK;
}

/* Coordinate to pixels of a dimension of n. */
static double to_pixels(const sampler *s, double c, int64_t n) {
  double size = (double)n;
  if (s->coordinates == UNNORMALIZED) return c;
  if (s->coordinates == MINUS_ONE_TO_ONE) c = (c + 1) / 2;
  return s->align ? c * (size - 1) : c * size - 0.5;
}

/* Samples all channels of one image at points [count, 2] of (x, y) pixels. */
static void sample_points(const pome_tensor *x, int64_t batch, sampler *s, const double *points,
                          int64_t count, double *plane, double *row, pome_tensor *y) {
  int64_t channels = x->shape[1];
  s->m.height = x->shape[2];
  s->m.width = x->shape[3];
  s->m.pixels = plane;
  int64_t size = s->m.height * s->m.width;
  for (int64_t c = 0; c < channels; c++) {
    pome__load_f64(x->data, x->dtype, (batch * channels + c) * size, 1, (size_t)size, plane);
    for (int64_t i = 0; i < count; i++) row[i] = sample(&s->m, points[2 * i + 1], points[2 * i]);
    pome__store_f64(y->data, y->dtype, (batch * channels + c) * count, 1, (size_t)count, row);
  }
}

static pome_status need_image(pome__call *call) {
  POME__TRY(pome__need_rank(call, 0, 0, 4, 4));
  const pome__type *x = pome__type_of(call, 0, 0);
  if (x->rank < 0 || (x->dims[2] != 0 && x->dims[3] != 0)) return POME_OK;
  return pome__call_fail(call, "the images of 'x' have no pixels");
}

pome_status pome__infer_resample(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *coordinates = pome__arg_type(call, "coordinates");
  sampler s;
  POME__TRY(need_image(call));
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "coordinates"), 0, 4, 4));
  POME__TRY(read_sampler(call, &s));
  int64_t dims[4] = {-1, -1, -1, -1};
  if (x->rank == 4) memcpy(dims, x->dims, 2 * sizeof(dims[0]));
  if (coordinates->rank == 4) {
    POME__TRY(pome__need_dims_equal(call, "the batch of coordinates", coordinates->dims[0],
                                    "that of x", dims[0]));
    POME__TRY(pome__need_dims_equal(call, "the last dimension of coordinates", coordinates->dims[3],
                                    "what a point needs", 2));
    dims[2] = coordinates->dims[1];
    dims[3] = coordinates->dims[2];
  }
  return pome__out(call, 0, x->dtype, 4, dims);
}

/* Buffers for sample_points: points, plane, row. */
static pome_status point_buffers(pome__call *call, double *buffers[3]) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *y = &call->outputs[0];
  size_t count = (size_t)(y->shape[2] * y->shape[3]);
  buffers[0] = POME__SCRATCH(call, double, 2 * count);
  buffers[1] = POME__SCRATCH(call, double, (size_t)(x->shape[2] * x->shape[3]));
  buffers[2] = POME__SCRATCH(call, double, count);
  return buffers[0] != NULL && buffers[1] != NULL && buffers[2] != NULL ? POME_OK
                                                                        : pome__call_memory(call);
}

pome_status pome__eval_resample(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *coordinates = pome__arg_tensor(call, "coordinates");
  pome_tensor *y = &call->outputs[0];
  sampler s;
  double *buffers[3];
  POME__TRY(read_sampler(call, &s));
  POME__TRY(point_buffers(call, buffers));
  int64_t count = y->shape[2] * y->shape[3];
  for (int64_t b = 0; b < x->shape[0]; b++) {
    double *points = buffers[0];
    pome__load_f64(coordinates->data, coordinates->dtype, b * count * 2, 1, (size_t)(2 * count),
                   points);
    for (int64_t i = 0; i < count; i++) {
      points[2 * i] = to_pixels(&s, points[2 * i], x->shape[3]);
      points[2 * i + 1] = to_pixels(&s, points[2 * i + 1], x->shape[2]);
    }
    sample_points(x, b, &s, points, count, buffers[1], buffers[2], y);
  }
  return POME_OK;
}

pome_status pome__infer_affine(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  const pome__type *matrix = pome__arg_type(call, "transform_matrix");
  sampler s;
  int64_t dims[4] = {-1, -1, -1, -1};
  POME__TRY(need_image(call));
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "transform_matrix"), 0, 2, 2));
  POME__TRY(read_sampler(call, &s));
  POME__TRY(pome__arg_int(call, "output_height", &dims[2]));
  POME__TRY(pome__arg_int(call, "output_width", &dims[3]));
  if (dims[2] < 1 || dims[3] < 1)
    return pome__call_fail(call, "the output size must be at least 1 by 1");
  if (x->rank == 4) memcpy(dims, x->dims, 2 * sizeof(dims[0]));
  if (matrix->rank == 2) {
    POME__TRY(pome__need_dims_equal(call, "the last dimension of transform_matrix", matrix->dims[1],
                                    "what a transform needs", 6));
    if (matrix->dims[0] != 1) {
      POME__TRY(pome__need_dims_equal(call, "the number of transforms", matrix->dims[0],
                                      "the batch of x", dims[0]));
    }
  }
  return pome__out(call, 0, x->dtype, 4, dims);
}

/* The normalized (or not) coordinate of output position i of n, the inverse of to_pixels. */
static double from_pixels(const sampler *s, int64_t i, int64_t n) {
  if (s->coordinates == UNNORMALIZED) return (double)i;
  double unit =
      s->align ? (n > 1 ? (double)i / (double)(n - 1) : 0.5) : ((double)i + 0.5) / (double)n;
  return s->coordinates == MINUS_ONE_TO_ONE ? 2 * unit - 1 : unit;
}

pome_status pome__eval_affine(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  const pome_tensor *matrix = pome__arg_tensor(call, "transform_matrix");
  pome_tensor *y = &call->outputs[0];
  sampler s;
  double *buffers[3];
  POME__TRY(read_sampler(call, &s));
  POME__TRY(point_buffers(call, buffers));
  int64_t height = y->shape[2];
  int64_t width = y->shape[3];
  for (int64_t b = 0; b < x->shape[0]; b++) {
    double a[6];
    pome__load_f64(matrix->data, matrix->dtype, matrix->shape[0] > 1 ? b * 6 : 0, 1, 6, a);
    for (int64_t i = 0; i < height * width; i++) {
      double u = from_pixels(&s, i % width, width);
      double v = from_pixels(&s, i / width, height);
      buffers[0][2 * i] = to_pixels(&s, a[0] * u + a[1] * v + a[2], x->shape[3]);
      buffers[0][2 * i + 1] = to_pixels(&s, a[3] * u + a[4] * v + a[5], x->shape[2]);
    }
    sample_points(x, b, &s, buffers[0], height * width, buffers[1], buffers[2], y);
  }
  return POME_OK;
}

/* ---- crop_resize ----
 *
 * Up to iOS16: roi [N, 1, 4 or 5, 1, 1] (5: the image's index first) to [N, B or 1, C, h, w]. From
 * iOS17 on: boxes [N, 4] and box_indices [N] to [N, C, h, w]. Points outside the image are
 * pad_value as a whole, 0 before iOS16. As roi, but not as boxes, one that has no point in the
 * image stands for the whole image (the expectation of coremltools' test of UNALIGN_CORNERS with
 * the box 2, 2, 1, 1 in normalized coordinates, which is for iOS15 and iOS16). */

static const char *const box_modes[] = {"CORNERS_HEIGHT_FIRST", "CORNERS_WIDTH_FIRST",
                                        "CENTER_SIZE_HEIGHT_FIRST", "CENTER_SIZE_WIDTH_FIRST",
                                        NULL};

static bool has_roi(const pome__call *call) {
  return pome__arg_index(call, "roi") >= 0;
}

static pome_status target_size(pome__call *call, int64_t *size) {
  POME__TRY(pome__arg_int(call, "target_height", &size[0]));
  POME__TRY(pome__arg_int(call, "target_width", &size[1]));
  if (size[0] >= 1 && size[1] >= 1) return POME_OK;
  return pome__call_fail(call, "the target size is %lld by %lld; it must be at least 1 by 1",
                         (long long)size[0], (long long)size[1]);
}

static pome_status infer_from_roi(pome__call *call, const int64_t *image_dims,
                                  const int64_t *size) {
  const pome__type *roi = pome__arg_type(call, "roi");
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "roi"), 0, 5, 5));
  int64_t dims[5] = {-1, image_dims[0], image_dims[1], size[0], size[1]};
  if (roi->rank < 0 && dims[1] != 1) dims[1] = POME_DIM_UNKNOWN;
  if (roi->rank == 5) {
    dims[0] = roi->dims[0];
    POME__TRY(pome__need_dims_equal(call, "the second dimension of roi", roi->dims[1],
                                    "what it must be", 1));
    if (roi->dims[2] == 5) dims[1] = 1;
    if (roi->dims[2] == POME_DIM_UNKNOWN && dims[1] != 1) dims[1] = POME_DIM_UNKNOWN;
    if (roi->dims[2] != POME_DIM_UNKNOWN && roi->dims[2] != 4 && roi->dims[2] != 5) {
      return pome__call_fail(call, "the third dimension of roi is %lld; allowed: 4, 5",
                             (long long)roi->dims[2]);
    }
    POME__TRY(pome__need_dims_equal(call, "the fourth dimension of roi", roi->dims[3],
                                    "what it must be", 1));
    POME__TRY(pome__need_dims_equal(call, "the fifth dimension of roi", roi->dims[4],
                                    "what it must be", 1));
  }
  return pome__out(call, 0, pome__type_of(call, 0, 0)->dtype, 5, dims);
}

static pome_status infer_from_boxes(pome__call *call, const int64_t *image_dims,
                                    const int64_t *size) {
  const pome__type *boxes = pome__arg_type(call, "boxes");
  const pome__type *indices = pome__arg_type(call, "box_indices");
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "boxes"), 0, 2, 2));
  int64_t dims[4] = {-1, image_dims[1], size[0], size[1]};
  if (boxes->rank == 2) {
    dims[0] = boxes->dims[0];
    POME__TRY(pome__need_dims_equal(call, "the last dimension of boxes", boxes->dims[1],
                                    "what a box needs", 4));
  }
  if (indices != NULL && indices->rank >= 0) {
    POME__TRY(pome__need_rank(call, pome__arg_index(call, "box_indices"), 0, 1, 1));
    POME__TRY(pome__need_dims_equal(call, "the number of box_indices", indices->dims[0],
                                    "that of boxes", dims[0]));
  } else if (indices == NULL && dims[0] != POME_DIM_UNKNOWN && image_dims[0] != POME_DIM_UNKNOWN &&
             dims[0] > image_dims[0]) {
    return pome__call_fail(call, "there are %lld boxes for %lld images; give 'box_indices'",
                           (long long)dims[0], (long long)image_dims[0]);
  }
  return pome__out(call, 0, pome__type_of(call, 0, 0)->dtype, 4, dims);
}

pome_status pome__infer_crop_resize(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t image_dims[2] = {POME_DIM_UNKNOWN, POME_DIM_UNKNOWN};
  int64_t size[2];
  int mode;
  POME__TRY(need_image(call));
  POME__TRY(pome__arg_choice(call, "box_coordinate_mode", box_modes, &mode));
  POME__TRY(pome__arg_choice(call, "sampling_mode", pome__grid_names, &mode));
  POME__TRY(target_size(call, size));
  if (x->rank == 4) memcpy(image_dims, x->dims, sizeof(image_dims));
  return has_roi(call) ? infer_from_roi(call, image_dims, size)
                       : infer_from_boxes(call, image_dims, size);
}

typedef struct crops {
  const pome_tensor *boxes, *indices;
  int64_t stored; /* numbers of a stored box: 4 or 5 */
  int box_mode, grid;
  double scale[2], pad;
  int64_t size[2];
} crops;

/* first and last row, first and last column of box n in pixels, and the image it is for (-1: all).
 */
static pome_status read_box(pome__call *call, const crops *c, int64_t n, double *box, int64_t *of) {
  double v[5];
  pome__load_f64(c->boxes->data, c->boxes->dtype, n * c->stored, 1, (size_t)c->stored, v);
  const double *b = v + (c->stored - 4);
  int64_t images = pome__tensor_of(call, 0, 0)->shape[0];
  *of = c->indices == NULL && has_roi(call) ? -1 : n;
  if (c->stored == 5) *of = v[0] >= 0 && v[0] < 1e9 ? (int64_t)v[0] : images;
  if (c->indices != NULL) pome__load_i64(c->indices->data, c->indices->dtype, n, 1, 1, of);
  if (*of < -1 || *of >= images || (*of == -1 && (c->indices != NULL || c->stored == 5))) {
    return pome__call_fail(call, "box %lld is for an image that is not there; allowed: 0 to %lld",
                           (long long)n, (long long)(images - 1));
  }
  bool width_first = c->box_mode % 2 == 1;
  double r[4] = {b[width_first], b[!width_first], b[2 + width_first], b[2 + !width_first]};
  if (c->box_mode >= 2) {
    double height = r[2];
    double width = r[3];
    r[2] = r[0] + height / 2;
    r[3] = r[1] + width / 2;
    r[0] -= height / 2;
    r[1] -= width / 2;
  }
  for (int i = 0; i < 2; i++) {
    box[2 * i] = r[i] * c->scale[i];
    box[2 * i + 1] = r[2 + i] * c->scale[i];
  }
  return POME_OK;
}

static pome_status begin_crops(pome__call *call, crops *c) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  double scale;
  memset(c, 0, sizeof(*c));
  c->boxes = pome__arg_tensor(call, has_roi(call) ? "roi" : "boxes");
  c->indices = pome__arg_tensor(call, "box_indices");
  c->stored = has_roi(call) ? c->boxes->shape[2] : 4;
  POME__TRY(pome__arg_choice(call, "box_coordinate_mode", box_modes, &c->box_mode));
  POME__TRY(pome__arg_choice(call, "sampling_mode", pome__grid_names, &c->grid));
  POME__TRY(pome__arg_float(call, "spatial_scale", &scale));
  POME__TRY(target_size(call, c->size));
  if (pome__arg_index(call, "pad_value") >= 0)
    POME__TRY(pome__arg_float(call, "pad_value", &c->pad));
  bool normalized = pome__arg_bool(call, "normalized_coordinates");
  for (int i = 0; i < 2; i++)
    c->scale[i] = normalized ? scale * (double)(x->shape[2 + i] - 1) : scale;
  return POME_OK;
}

/* Whether all points of the box's grid along dimension i lie on one side of the image. */
static bool grid_misses(const crops *c, const double *box, int64_t pixels, int i) {
  const double *side = box + 2 * i;
  int64_t count = c->size[i];
  double a = pome__grid_point((pome__grid)c->grid, side[0], side[1], count, 0);
  double b = pome__grid_point((pome__grid)c->grid, side[0], side[1], count, count - 1);
  return fmax(a, b) < 0 || fmin(a, b) > (double)(pixels - 1);
}

static void take_whole_image(const image *m, double *box) {
  const double whole[4] = {0, (double)(m->height - 1), 0, (double)(m->width - 1)};
  memcpy(box, whole, sizeof(whole));
}

static void crop_plane(const crops *c, const image *m, const double *box, double *out) {
  for (int64_t i = 0; i < c->size[0]; i++) {
    double y = pome__grid_point((pome__grid)c->grid, box[0], box[1], c->size[0], i);
    for (int64_t j = 0; j < c->size[1]; j++) {
      double x = pome__grid_point((pome__grid)c->grid, box[2], box[3], c->size[1], j);
      bool inside = y >= 0 && y <= (double)(m->height - 1) && x >= 0 && x <= (double)(m->width - 1);
      *out++ = inside ? sample(m, y, x) : c->pad;
    }
  }
}

pome_status pome__eval_crop_resize(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  pome_tensor *y = &call->outputs[0];
  crops c;
  POME__TRY(begin_crops(call, &c));
  size_t area = (size_t)(c.size[0] * c.size[1]);
  size_t plane = (size_t)(x->shape[2] * x->shape[3]);
  double *pixels = POME__SCRATCH(call, double, plane);
  double *out = POME__SCRATCH(call, double, area);
  if (pixels == NULL || out == NULL) return pome__call_memory(call);
  image m = {pixels, x->shape[2], x->shape[3], BORDER, 0, false};
  bool roi = has_roi(call);
  int64_t to = 0;
  for (int64_t n = 0; n < y->shape[0]; n++) {
    double box[4] = {0};
    int64_t of;
    POME__TRY(read_box(call, &c, n, box, &of));
    if (roi && (grid_misses(&c, box, m.height, 0) || grid_misses(&c, box, m.width, 1)))
      take_whole_image(&m, box);
    int64_t first = of < 0 ? 0 : of;
    int64_t end = of < 0 ? x->shape[0] : of + 1;
    for (int64_t p = first * x->shape[1]; p < end * x->shape[1]; p++) {
      pome__load_f64(x->data, x->dtype, p * (int64_t)plane, 1, plane, pixels);
      crop_plane(&c, &m, box, out);
      pome__store_f64(y->data, y->dtype, to, 1, area, out);
      to += (int64_t)area;
    }
  }
  return POME_OK;
}
