/* argsort, topk and non_maximum_suppression. See tensor_operation.h.
 *
 * Sorting is stable in both directions: of equal elements the one that comes first stays first. NaN
 * comes after everything else. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/args.h"
#include "ops/loops.h"
#include "ops/tensor_operation.h"
#include "tensor/element.h"

typedef struct entry {
  double key; /* smaller comes first */
  int64_t index;
} entry;

static int compare_entries(const void *a, const void *b) {
  const entry *x = a;
  const entry *y = b;
  bool x_nan = isnan(x->key);
  bool y_nan = isnan(y->key);
  if (x_nan != y_nan) return x_nan ? 1 : -1;
  if (!x_nan && x->key != y->key) return x->key < y->key ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* Sorts a line of x (n elements, `stride` apart) into entries; keys are negated when descending. */
static void sort_line(const pome_tensor *x, int64_t offset, int64_t stride, int64_t n,
                      bool ascending, entry *entries) {
  for (int64_t i = 0; i < n; i++) {
    double v;
    pome__load_f64(x->data, x->dtype, offset + i * stride, 1, 1, &v);
    entries[i].key = ascending ? v : -v;
    entries[i].index = i;
  }
  qsort(entries, (size_t)n, sizeof(entries[0]), compare_entries);
}

/* ---- argsort ---- */

pome_status pome__infer_argsort(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int axis;
  if (x->rank >= 0) POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  return pome__out(call, 0, POME_INT32, x->rank, x->dims);
}

/* values (may be NULL) and indices (may be NULL) get the first k of each sorted line. */
static pome_status sort_lines(pome__call *call, int axis, bool ascending, int64_t k,
                              pome_tensor *values, pome_tensor *indices) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int64_t n = x->shape[axis];
  int64_t outer = pome__dims_product(x->shape, 0, axis);
  int64_t inner = pome__dims_product(x->shape, axis + 1, x->rank);
  entry *entries = POME__SCRATCH(call, entry, (size_t)n + 1);
  if (entries == NULL) return pome__call_memory(call);
  for (int64_t line = 0; line < outer * inner; line++) {
    int64_t place = line / inner;
    int64_t rest = line % inner;
    sort_line(x, place * n * inner + rest, inner, n, ascending, entries);
    for (int64_t i = 0; i < k; i++) {
      int64_t to = (place * k + i) * inner + rest;
      double value = ascending ? entries[i].key : -entries[i].key;
      if (values != NULL) pome__store_f64(values->data, values->dtype, to, 1, 1, &value);
      if (indices != NULL)
        pome__store_i64(indices->data, indices->dtype, to, 1, 1, &entries[i].index);
    }
  }
  return POME_OK;
}

pome_status pome__eval_argsort(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  return sort_lines(call, axis, pome__arg_bool(call, "ascending"), x->shape[axis], NULL,
                    &call->outputs[0]);
}

/* ---- topk ---- */

static bool returns_indices(const pome__call *call) {
  return pome__arg_index(call, "return_indices") < 0 || pome__arg_bool(call, "return_indices");
}

pome_status pome__infer_topk(pome__call *call) {
  const pome__type *x = pome__type_of(call, 0, 0);
  int64_t k;
  int axis = 0;
  POME__TRY(pome__arg_int(call, "k", &k));
  bool all = k == -1 && call->op->schema->since >= POME__IOS17;
  if (k < 0 && !all)
    return pome__call_fail(call, "k is %lld; it must not be negative", (long long)k);
  pome_dtype index_dtype = POME_INT32;
  bool indices = returns_indices(call);
  if (pome__arg_index(call, "output_indices_dtype") >= 0) {
    if (!indices && pome__arg_given(call, "output_indices_dtype")) {
      return pome__call_fail(call, "'output_indices_dtype' is allowed only together with indices");
    }
    POME__TRY(pome__dtype_param(call, "output_indices_dtype", POME__BIT(INT32) | POME__BIT(UINT16),
                                &index_dtype));
  }
  int64_t dims[POME_MAX_RANK];
  memcpy(dims, x->dims, sizeof(dims));
  if (x->rank >= 0) {
    POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
    if (!all && dims[axis] != POME_DIM_UNKNOWN && k > dims[axis]) {
      return pome__call_fail(call, "k is %lld, but the dimension has only %lld elements",
                             (long long)k, (long long)dims[axis]);
    }
    if (!all) dims[axis] = k;
  }
  POME__TRY(pome__out(call, 0, x->dtype, x->rank, dims));
  return indices ? pome__out(call, 1, index_dtype, x->rank, dims) : POME_OK;
}

pome_status pome__eval_topk(pome__call *call) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0);
  int axis;
  POME__TRY(pome__arg_axis(call, "axis", x->rank, &axis));
  pome_tensor *indices =
      call->op->output_count > 1 && returns_indices(call) ? &call->outputs[1] : NULL;
  return sort_lines(call, axis, pome__arg_bool(call, "ascending"), call->outputs[0].shape[axis],
                    &call->outputs[0], indices);
}

/* ---- non_maximum_suppression ----
 *
 * Boxes are taken in the order of their largest score; one that overlaps a taken box (of the same
 * best class, when suppression is by class) by more than the threshold is dropped. At least one box
 * is always taken. What is left of the outputs is zeros, and -1 in the indices. From iOS17 on the
 * boxes run along the last dimension and nothing is dropped for its score. */

static bool boxes_last(const pome__call *call) {
  return call->op->schema->since >= POME__IOS17;
}

pome_status pome__infer_nms(pome__call *call) {
  const pome__type *boxes = pome__arg_type(call, "boxes");
  const pome__type *scores = pome__arg_type(call, "scores");
  int64_t most;
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "boxes"), 0, 3, 3));
  POME__TRY(pome__need_rank(call, pome__arg_index(call, "scores"), 0, 3, 3));
  POME__TRY(pome__arg_int(call, "max_boxes", &most));
  if (most < 1)
    return pome__call_fail(call, "max_boxes is %lld; it must be at least 1", (long long)most);
  bool last = boxes_last(call);
  int64_t batch = POME_DIM_UNKNOWN;
  int64_t classes = POME_DIM_UNKNOWN;
  if (scores->rank == 3) {
    batch = scores->dims[0];
    classes = scores->dims[last ? 1 : 2];
  }
  if (boxes->rank == 3 && scores->rank == 3) {
    int axis = last ? 2 : 1;
    POME__TRY(
        pome__need_dims_equal(call, "the batch of boxes", boxes->dims[0], "that of scores", batch));
    POME__TRY(pome__need_dims_equal(call, "the number of boxes", boxes->dims[axis],
                                    "the number of scores", scores->dims[axis]));
    POME__TRY(pome__need_dims_equal(call, "the number of coordinates", boxes->dims[3 - axis],
                                    "what a box needs", 4));
    if (boxes->dims[axis] == 0 || classes == 0)
      return pome__call_fail(call, "there are no boxes or no classes");
  }
  const int64_t rows_first[2][3] = {{batch, most, 4}, {batch, most, classes}};
  const int64_t rows_last[2][3] = {{batch, 4, most}, {batch, classes, most}};
  const int64_t index_dims[2] = {batch, most};
  POME__TRY(pome__out(call, 0, boxes->dtype, 3, last ? rows_last[0] : rows_first[0]));
  POME__TRY(pome__out(call, 1, scores->dtype, 3, last ? rows_last[1] : rows_first[1]));
  POME__TRY(pome__out(call, 2, POME_INT32, 2, index_dims));
  return last ? POME_OK : pome__out(call, 3, POME_INT32, 1, index_dims);
}

typedef struct nms {
  int64_t count, classes;
  double *boxes;  /* [count, 4] */
  double *scores; /* [count, classes] */
  entry *order;
  int64_t *best; /* class with the largest score */
  int64_t *taken;
  double iou, threshold;
  bool by_class;
} nms;

static double overlap(const double *a, const double *b) {
  double area_a = a[2] * a[3];
  double area_b = b[2] * b[3];
  if (!(area_a > 0) || !(area_b > 0)) return 0;
  double width = fmin(a[0] + a[2] / 2, b[0] + b[2] / 2) - fmax(a[0] - a[2] / 2, b[0] - b[2] / 2);
  double height = fmin(a[1] + a[3] / 2, b[1] + b[3] / 2) - fmax(a[1] - a[3] / 2, b[1] - b[3] / 2);
  if (!(width > 0) || !(height > 0)) return 0;
  return width * height / (area_a + area_b - width * height);
}

/* [rows, columns] of a batch as doubles, transposed when boxes run along the last dimension. */
static void load_table(const pome_tensor *tensor, int64_t batch, int64_t rows, int64_t columns,
                       bool last, double *out) {
  int64_t base = batch * rows * columns;
  for (int64_t c = 0; c < columns; c++) {
    for (int64_t r = 0; r < rows; r++) {
      int64_t from = base + (last ? c * rows + r : r * columns + c);
      pome__load_f64(tensor->data, tensor->dtype, from, 1, 1, &out[r * columns + c]);
    }
  }
}

static void order_boxes(nms *s) {
  for (int64_t i = 0; i < s->count; i++) {
    const double *scores = s->scores + i * s->classes;
    s->best[i] = 0;
    for (int64_t c = 1; c < s->classes; c++) {
      if (scores[c] > scores[s->best[i]]) s->best[i] = c;
    }
    s->order[i].key = -scores[s->best[i]];
    s->order[i].index = i;
  }
  qsort(s->order, (size_t)s->count, sizeof(s->order[0]), compare_entries);
}

/* Indices of the boxes to keep into s->taken, at least one. */
static int64_t take_boxes(const pome__call *call, nms *s, int64_t most) {
  order_boxes(s);
  int64_t taken = 0;
  for (int64_t i = 0; i < s->count && taken < most && !pome__call_stopped(call); i++) {
    int64_t box = s->order[i].index;
    bool keep = -s->order[i].key > s->threshold;
    for (int64_t t = 0; keep && t < taken; t++) {
      int64_t other = s->taken[t];
      if (s->by_class && s->best[other] != s->best[box]) continue;
      keep = !(overlap(s->boxes + 4 * box, s->boxes + 4 * other) > s->iou);
    }
    if (keep) s->taken[taken++] = box;
  }
  if (taken == 0) s->taken[taken++] = s->order[0].index;
  return taken;
}

static void store_table(pome_tensor *tensor, int64_t batch, int64_t most, int64_t columns,
                        bool last, const nms *s, int64_t taken, const double *from) {
  int64_t base = batch * most * columns;
  for (int64_t r = 0; r < most; r++) {
    for (int64_t c = 0; c < columns; c++) {
      double v = r < taken ? from[s->taken[r] * columns + c] : 0;
      int64_t to = base + (last ? c * most + r : r * columns + c);
      pome__store_f64(tensor->data, tensor->dtype, to, 1, 1, &v);
    }
  }
}

pome_status pome__eval_nms(pome__call *call) {
  const pome_tensor *boxes = pome__arg_tensor(call, "boxes");
  const pome_tensor *scores = pome__arg_tensor(call, "scores");
  bool last = boxes_last(call);
  int64_t most = call->outputs[2].shape[1];
  nms s = {.count = boxes->shape[last ? 2 : 1],
           .classes = scores->shape[last ? 1 : 2],
           .threshold = -INFINITY};
  size_t n = (size_t)s.count;
  s.boxes = POME__SCRATCH(call, double, 4 * n);
  s.scores = POME__SCRATCH(call, double, n *(size_t)s.classes);
  s.order = POME__SCRATCH(call, entry, n);
  s.best = POME__SCRATCH(call, int64_t, n);
  s.taken = POME__SCRATCH(call, int64_t, n);
  if (!s.boxes || !s.scores || !s.order || !s.best || !s.taken) return pome__call_memory(call);
  POME__TRY(pome__arg_float(call, "iou_threshold", &s.iou));
  if (!last) POME__TRY(pome__arg_float(call, "score_threshold", &s.threshold));
  s.by_class = pome__arg_bool(call, "per_class_suppression");
  for (int64_t b = 0; b < boxes->shape[0]; b++) {
    load_table(boxes, b, s.count, 4, last, s.boxes);
    load_table(scores, b, s.count, s.classes, last, s.scores);
    int64_t taken = take_boxes(call, &s, most);
    store_table(&call->outputs[0], b, most, 4, last, &s, taken, s.boxes);
    store_table(&call->outputs[1], b, most, s.classes, last, &s, taken, s.scores);
    for (int64_t r = 0; r < most; r++) {
      int64_t index = r < taken ? s.taken[r] : -1;
      pome__store_i64(call->outputs[2].data, call->outputs[2].dtype, b * most + r, 1, 1, &index);
    }
    if (!last) pome__store_i64(call->outputs[3].data, call->outputs[3].dtype, b, 1, 1, &taken);
  }
  return POME_OK;
}
