/* Windows that slide over spatial dimensions. See spatial.h. */
#include "ops/spatial.h"

#include "ops/args.h"

enum pad_type { VALID, CUSTOM, SAME, SAME_LOWER };
static const char *const pad_types[] = {"valid", "custom", "same", "same_lower", NULL};

static size_t spatial_default(const pome__call *call, int64_t value, int each, int64_t *out,
                              size_t capacity) {
  int rank = pome__arg_type(call, "x")->rank;
  size_t count = rank > 2 ? (size_t)((rank - 2) * each) : 0;
  for (size_t i = 0; i < count && i < capacity; i++) out[i] = value;
  return count;
}

size_t pome__spatial_ones(const pome__call *call, int64_t *out, size_t capacity) {
  return spatial_default(call, 1, 1, out, capacity);
}

size_t pome__spatial_zeros(const pome__call *call, int64_t *out, size_t capacity) {
  return spatial_default(call, 0, 2, out, capacity);
}

static pome_status positive(pome__call *call, const char *name, const int64_t *values, int count) {
  for (int i = 0; i < count; i++) {
    if (values[i] < 1 || values[i] > INT32_MAX) {
      return pome__call_fail(call, "%s is %lld in spatial dimension %d; it must be at least 1",
                             name, (long long)values[i], i);
    }
  }
  return POME_OK;
}

static pome_status read_steps(pome__call *call, pome__window *w, int *pad_type, int64_t *pad) {
  size_t n = (size_t)w->rank;
  POME__TRY(positive(call, "the kernel size", w->kernel, w->rank));
  POME__TRY(pome__arg_ints_exact(call, "strides", w->stride, n));
  POME__TRY(positive(call, "stride", w->stride, w->rank));
  for (size_t i = 0; i < n; i++) w->dilation[i] = 1;
  if (pome__arg_index(call, "dilations") >= 0) {
    POME__TRY(pome__arg_ints_exact(call, "dilations", w->dilation, n));
    POME__TRY(positive(call, "dilation", w->dilation, w->rank));
  }
  POME__TRY(pome__arg_choice(call, "pad_type", pad_types, pad_type));
  for (size_t i = 0; i < 2 * n; i++) pad[i] = 0;
  if (*pad_type != CUSTOM) return POME_OK;
  POME__TRY(pome__arg_ints_exact(call, "pad", pad, 2 * n));
  for (size_t i = 0; i < 2 * n; i++) {
    if (pad[i] < 0)
      return pome__call_fail(call, "pad[%zu] is %lld; it must not be negative", i,
                             (long long)pad[i]);
  }
  return POME_OK;
}

static int64_t reach(const pome__window *w, int i) {
  return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static void split_padding(int pad_type, int64_t total, int64_t *before, int64_t *after) {
  *before = pad_type == SAME_LOWER ? total - total / 2 : total / 2;
  *after = total - *before;
}

pome_status pome__window_solve(pome__call *call, bool ceil_mode, pome__window *w) {
  int pad_type;
  int64_t pad[2 * POME__SPATIAL];
  POME__TRY(read_steps(call, w, &pad_type, pad));
  for (int i = 0; i < w->rank; i++) {
    int64_t s = w->stride[i];
    w->before[i] = pad[2 * i];
    w->after[i] = pad[2 * i + 1];
    w->out[i] = POME_DIM_UNKNOWN;
    if (w->in[i] == POME_DIM_UNKNOWN) continue;
    if (w->in[i] > INT64_MAX / 4)
      return pome__call_fail(call, "spatial dimension %d is too large", i);
    if (pad_type == SAME || pad_type == SAME_LOWER) {
      int64_t total = (w->in[i] + s - 1) / s * s - w->in[i] + reach(w, i) - s;
      split_padding(pad_type, total > 0 ? total : 0, &w->before[i], &w->after[i]);
    }
    int64_t room = w->in[i] + w->before[i] + w->after[i] - reach(w, i);
    if (room < 0) {
      return pome__call_fail(
          call,
          "the window spans %lld elements in spatial dimension %d, which has %lld with padding",
          (long long)reach(w, i), i, (long long)(room + reach(w, i)));
    }
    w->out[i] = (room + (ceil_mode ? s - 1 : 0)) / s + 1;
    int64_t total = w->before[i] + w->after[i];
    if (ceil_mode && total > 0 && 2 * (w->out[i] - 1) * s >= 2 * w->in[i] + total) w->out[i]--;
    if (w->out[i] < 1) return pome__call_fail(call, "nothing is left of spatial dimension %d", i);
  }
  return POME_OK;
}

pome_status pome__window_solve_transposed(pome__call *call, const int64_t *output,
                                          pome__window *w) {
  int pad_type;
  int64_t pad[2 * POME__SPATIAL];
  POME__TRY(read_steps(call, w, &pad_type, pad));
  for (int i = 0; i < w->rank; i++) {
    w->before[i] = pad[2 * i];
    w->after[i] = pad[2 * i + 1];
    w->out[i] = output != NULL ? output[i] : POME_DIM_UNKNOWN;
    if (w->in[i] == POME_DIM_UNKNOWN) continue;
    if (w->in[i] < 1 || w->in[i] > INT32_MAX)
      return pome__call_fail(call, "spatial dimension %d is empty or too large", i);
    int64_t full = (w->in[i] - 1) * w->stride[i] + reach(w, i);
    bool same = pad_type == SAME || pad_type == SAME_LOWER;
    if (output == NULL)
      w->out[i] = same ? w->in[i] * w->stride[i] : full - pad[2 * i] - pad[2 * i + 1];
    if (same)
      split_padding(pad_type, full > w->out[i] ? full - w->out[i] : 0, &w->before[i], &w->after[i]);
    if (w->out[i] < 1) return pome__call_fail(call, "nothing is left of spatial dimension %d", i);
  }
  return POME_OK;
}

void pome__window_pad_rank(pome__window *w) {
  int add = POME__SPATIAL - w->rank;
  for (int i = POME__SPATIAL - 1; i >= 0; i--) {
    bool real = i >= add;
    w->in[i] = real ? w->in[i - add] : 1;
    w->out[i] = real ? w->out[i - add] : 1;
    w->kernel[i] = real ? w->kernel[i - add] : 1;
    w->stride[i] = real ? w->stride[i - add] : 1;
    w->dilation[i] = real ? w->dilation[i - add] : 1;
    w->before[i] = real ? w->before[i - add] : 0;
    w->after[i] = real ? w->after[i - add] : 0;
  }
  w->rank = POME__SPATIAL;
}

void pome__window_dims(const pome__window *w, int64_t batch, int64_t channels, int64_t *dims) {
  dims[0] = batch;
  dims[1] = channels;
  for (int i = 0; i < w->rank; i++) dims[2 + i] = w->out[i];
}

void pome__window_range(int64_t out, int64_t stride, int64_t offset, int64_t in, int64_t *first,
                        int64_t *end) {
  int64_t low = offset < 0 ? (-offset + stride - 1) / stride : 0;
  int64_t high = in > offset ? (in - 1 - offset) / stride + 1 : 0;
  *first = low < out ? low : out;
  *end = high < *first ? *first : high < out ? high : out;
}
