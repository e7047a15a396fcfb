/* Convolutions with constant weights, shared between the threads of the lease.
 *
 * Activations are [channels, positions], so a convolution whose kernel is one element is a product
 * of the weights with x as it lies in memory. Other kernels first lay out a strip of output
 * positions: one row for each channel and tap. With one input and few output channels a group,
 * strips do not pay: the channel is copied with its padding around it, each of its rows split into
 * `stride` rows of every stride-th element, so that every tap of an output row is a run in memory.
 *
 * A job is one piece of the output: a strip of positions and a range of channels of one group. Jobs
 * are dealt to threads in turn. Weights are widened to fp32 for each job, a few rows at a time.
 */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "base/check.h"
#include "ops/args.h"
#include "ops/spatial.h"

#define STRIP_FLOATS 65536 /* of a strip's rows: it should stay in the cache */
#define STRIP_MOST   1024  /* positions */
#define STRIP_LEAST  32
#define WEIGHT_ROWS  32 /* widened at a time */
#define TAPS_MOST    4  /* output channels a group, for the padded copy to pay */

typedef struct conv {
  pome__window w;
  size_t groups, in_channels, out_channels; /* channels of a group */
  size_t in_size, out_size, taps;
  size_t row; /* weights of an output channel */
  bool by_taps, in_place;
  const float *x;
  const pome_tensor *weight;
  const float *bias; /* or NULL */
  float *y;
  const pome__kernels *kernels;
  size_t strip, strips; /* positions in a strip, strips in a channel */
  size_t share, shares; /* output channels in a job, jobs in a group */
  size_t jobs, work;    /* multiply-adds */
  const atomic_bool *cancel;
  char *scratch; /* of thread i at i * scratch_bytes */
  size_t scratch_bytes;
  size_t
      padded[POME__SPATIAL]; /* by taps: the padded channel; the last is of one of the split rows */
} conv;

/* ---- geometry ---- */

static size_t ceiling(size_t a, size_t b) {
  return (a + b - 1) / b;
}

static void take_sizes(const pome_tensor *x, const pome_tensor *weight, pome__window *w) {
  w->rank = x->rank - 2;
  for (int i = 0; i < w->rank; i++) {
    w->in[i] = x->shape[2 + i];
    w->kernel[i] = weight->shape[2 + i];
  }
}

static size_t product(const int64_t sizes[POME__SPATIAL]) {
  return (size_t)(sizes[0] * sizes[1] * sizes[2]);
}

/* A kernel of one element at stride 1 without padding reads x as it lies. */
static bool reads_in_place(const pome__window *w) {
  bool plain = true;
  for (int i = 0; i < POME__SPATIAL; i++)
    plain = plain && w->kernel[i] == 1 && w->stride[i] == 1 && w->in[i] == w->out[i];
  return plain;
}

static void plan_strips(conv *c, size_t threads) {
  size_t fits = STRIP_FLOATS / (c->row ? c->row : 1) / 16 * 16;
  size_t even = ceiling(ceiling(c->out_size, threads), 16) * 16;
  c->strip = fits > STRIP_MOST ? STRIP_MOST : fits;
  if (c->strip > even) c->strip = even;
  if (c->strip < STRIP_LEAST) c->strip = STRIP_LEAST;
  c->strips = ceiling(c->out_size, c->strip);
  size_t wanted = ceiling(threads, c->strips); /* too few strips: the channels are shared, too */
  c->share = ceiling(ceiling(c->out_channels, wanted), 8) * 8;
  c->shares = ceiling(c->out_channels, c->share);
  c->scratch_bytes = WEIGHT_ROWS * c->row * sizeof(float);
  if (!c->in_place) c->scratch_bytes += c->strip * c->row * sizeof(float);
}

/* The room that the farthest window reaches; sizes are those of a tensor and its padding. */
static bool plan_taps(conv *c) {
  size_t stride = (size_t)c->w.stride[2], floats = 1;
  for (int i = 0; i < POME__SPATIAL; i++) {
    int64_t reach =
        (c->w.out[i] - 1) * c->w.stride[i] + (c->w.kernel[i] - 1) * c->w.dilation[i] + 1;
    c->padded[i] = (size_t)reach;
  }
  c->padded[2] = ceiling(c->padded[2], stride);
  c->strips = c->shares = 1;
  if (!pome__mul(c->padded[0], c->padded[1], &floats) ||
      !pome__mul(floats, c->padded[2] * stride, &floats) ||
      !pome__mul(floats, sizeof(float), &floats))
    return false;
  c->scratch_bytes =
      floats + c->taps * (sizeof(float *) + 2 * sizeof(float)) + c->row * sizeof(float);
  return true;
}

/* ---- strips ---- */

static size_t clamp_size(int64_t v, size_t n) {
  return v < 0 ? 0 : (size_t)v > n ? n : (size_t)v;
}

/* One row of the strip: a tap of a channel at output positions begin .. begin+count-1. */
static void lay_row(const conv *c, const float *x, const int64_t tap[POME__SPATIAL], size_t begin,
                    size_t count, float *out) {
  const pome__window *w = &c->w;
  size_t width = (size_t)w->out[2];
  int64_t first, end, shift[POME__SPATIAL];
  for (int i = 0; i < POME__SPATIAL; i++) shift[i] = tap[i] * w->dilation[i] - w->before[i];
  pome__window_range(w->out[2], w->stride[2], shift[2], w->in[2], &first, &end);
  while (count > 0) {
    size_t line = begin / width, from = begin % width;
    size_t n = width - from < count ? width - from : count;
    int64_t d = (int64_t)line / w->out[1] * w->stride[0] + shift[0];
    int64_t h = (int64_t)line % w->out[1] * w->stride[1] + shift[1];
    bool inside = d >= 0 && d < w->in[0] && h >= 0 && h < w->in[1];
    size_t low = inside ? clamp_size(first - (int64_t)from, n) : n;
    size_t high = inside ? clamp_size(end - (int64_t)from, n) : n;
    const float *source = inside ? x + (d * w->in[1] + h) * w->in[2] : x;
    int64_t at = ((int64_t)(from + low)) * w->stride[2] + shift[2];
    if (high < low) high = low;
    memset(out, 0, low * sizeof *out);
    if (w->stride[2] == 1) {
      if (high > low) memcpy(out + low, source + at, (high - low) * sizeof *out);
    } else {
      for (size_t i = low; i < high; i++, at += w->stride[2]) out[i] = source[at];
    }
    memset(out + high, 0, (n - high) * sizeof *out);
    out += n;
    begin += n;
    count -= n;
  }
}

static void lay_strip(const conv *c, const float *x, size_t begin, size_t count, float *out) {
  const int64_t *kernel = c->w.kernel;
  for (size_t channel = 0; channel < c->in_channels; channel++, x += c->in_size) {
    for (size_t t = 0; t < c->taps; t++, out += c->strip) {
      const int64_t tap[POME__SPATIAL] = {(int64_t)t / (kernel[1] * kernel[2]),
                                          (int64_t)t / kernel[2] % kernel[1],
                                          (int64_t)t % kernel[2]};
      lay_row(c, x, tap, begin, count, out);
    }
  }
}

static void widen(const conv *c, size_t first, size_t count, float *out) {
  if (c->weight->dtype == POME_FP16)
    c->kernels->f16_to_f32(count, (const uint16_t *)c->weight->data + first, out);
  else memcpy(out, (const float *)c->weight->data + first, count * sizeof *out);
}

static void strip_job(const conv *c, size_t job, char *scratch) {
  size_t share = job % c->shares, strip = job / c->shares % c->strips;
  size_t image = job / (c->shares * c->strips), group = image % c->groups;
  size_t begin = strip * c->strip, channel = share * c->share;
  size_t count = c->out_size - begin < c->strip ? c->out_size - begin : c->strip;
  size_t end = channel + c->share < c->out_channels ? channel + c->share : c->out_channels;
  const float *x = c->x + image * c->in_channels * c->in_size;
  float *weights = (float *)(void *)scratch, *laid = weights + WEIGHT_ROWS * c->row;
  if (!c->in_place) lay_strip(c, x, begin, count, laid);
  for (; channel < end; channel += WEIGHT_ROWS) {
    size_t rows = end - channel < WEIGHT_ROWS ? end - channel : WEIGHT_ROWS;
    size_t filter = group * c->out_channels + channel;
    widen(c, filter * c->row, rows * c->row, weights);
    pome__outer args = {.a = weights,
                        .a_stride = c->row,
                        .m = rows,
                        .k = c->row,
                        .b = c->in_place ? x + begin : laid,
                        .b_stride = c->in_place ? c->in_size : c->strip,
                        .bias = c->bias ? c->bias + filter : NULL,
                        .y = c->y + (image * c->out_channels + channel) * c->out_size + begin,
                        .y_stride = c->out_size};
    c->kernels->outer_f32(&args, 0, count);
  }
}

/* ---- taps ---- */

/* The channel with its padding, rows split by phase of the stride. */
static void pad_channel(const conv *c, const float *x, float *out) {
  const pome__window *w = &c->w;
  int64_t stride = w->stride[2];
  size_t line = c->padded[2] * (size_t)stride;
  for (size_t d = 0; d < c->padded[0]; d++) {
    for (size_t h = 0; h < c->padded[1]; h++, out += line) {
      int64_t from[2] = {(int64_t)d - w->before[0], (int64_t)h - w->before[1]};
      bool inside = from[0] >= 0 && from[0] < w->in[0] && from[1] >= 0 && from[1] < w->in[1];
      memset(out, 0, line * sizeof *out);
      if (!inside) continue;
      const float *source = x + (from[0] * w->in[1] + from[1]) * w->in[2];
      int64_t room = (int64_t)line - w->before[2], width = w->in[2] < room ? w->in[2] : room;
      if (stride == 1) {
        if (width > 0) memcpy(out + w->before[2], source, (size_t)width * sizeof *out);
        continue;
      }
      for (int64_t i = 0; i < width; i++) {
        int64_t at = i + w->before[2];
        out[at % stride * (int64_t)c->padded[2] + at / stride] = source[i];
      }
    }
  }
}

/* Where each tap of output row (d, h) begins. */
static void aim(const conv *c, const float *padded, int64_t d, int64_t h, const float **taps) {
  const pome__window *w = &c->w;
  int64_t stride = w->stride[2], split = (int64_t)c->padded[2], rows = (int64_t)c->padded[1];
  for (int64_t i = 0; i < w->kernel[0]; i++) {
    for (int64_t j = 0; j < w->kernel[1]; j++) {
      int64_t plane = d * w->stride[0] + i * w->dilation[0];
      int64_t row = plane * rows + h * w->stride[1] + j * w->dilation[1];
      for (int64_t k = 0; k < w->kernel[2]; k++) {
        int64_t at = k * w->dilation[2];
        *taps++ = padded + (row * stride + at % stride) * split + at / stride;
      }
    }
  }
}

static void taps_job(const conv *c, size_t job, char *scratch) {
  const pome__window *w = &c->w;
  const float **taps = (const float **)(void *)scratch;
  float *weights = (float *)(void *)(scratch + c->taps * sizeof *taps), *padded = weights + c->taps;
  size_t group = job % c->groups, width = (size_t)w->out[2];
  pad_channel(c, c->x + job * c->in_size, padded);
  for (size_t channel = 0; channel < c->out_channels; channel++) {
    size_t filter = group * c->out_channels + channel;
    float *y = c->y + (job * c->out_channels + channel) * c->out_size;
    widen(c, filter * c->taps, c->taps, weights);
    for (int64_t d = 0; d < w->out[0]; d++) {
      for (int64_t h = 0; h < w->out[1]; h++, y += width) {
        aim(c, padded, d, h, taps);
        c->kernels->taps_f32(width, c->taps, taps, weights, c->bias ? c->bias[filter] : 0.0f, y);
      }
    }
  }
}

/* ---- a step ---- */

static void do_jobs(void *context, int index, int count) {
  const conv *c = context;
  char *scratch = c->scratch + (size_t)index * c->scratch_bytes;
  for (size_t job = (size_t)index; job < c->jobs; job += (size_t)count) {
    if (atomic_load_explicit(c->cancel, memory_order_relaxed)) return;
    if (c->by_taps) taps_job(c, job, scratch);
    else strip_job(c, job, scratch);
  }
}

static pome_status plan_conv(pome__call *call, size_t threads, conv *c) {
  const pome_tensor *x = pome__tensor_of(call, 0, 0), *y = &call->outputs[0];
  int64_t groups;
  c->weight = pome__tensor_of(call, 1, 0);
  take_sizes(x, c->weight, &c->w);
  POME__TRY(pome__window_solve(call, false, &c->w));
  pome__window_pad_rank(&c->w);
  POME__TRY(pome__arg_int(call, "groups", &groups));
  c->groups = (size_t)groups;
  c->in_channels = (size_t)(x->shape[1] / groups);
  c->out_channels = (size_t)(y->shape[1] / groups);
  c->in_size = product(c->w.in);
  c->out_size = product(c->w.out);
  c->taps = product(c->w.kernel);
  c->row = c->in_channels * c->taps;
  c->in_place = reads_in_place(&c->w);
  c->by_taps = c->in_channels == 1 && c->out_channels <= TAPS_MOST && c->groups > 1;
  if (!c->by_taps) plan_strips(c, threads);
  else if (!plan_taps(c)) return pome__call_memory(call);
  c->scratch_bytes = ceiling(c->scratch_bytes, 64) * 64;
  c->jobs = (size_t)x->shape[0] * c->groups * c->strips * c->shares;
  c->work = pome_tensor_count(y) * c->row;
  return POME_OK;
}

pome_status pome__cpu_conv_scratch(pome__cpu *cpu, size_t s, size_t *bytes) {
  pome__call call;
  conv c = {0};
  size_t threads = (size_t)cpu->prepared->plan->settings.threads;
  pome__cpu_call(cpu, s, false, &call, NULL);
  const pome_tensor *x = &cpu->bound[cpu->prepared->steps[s].x].tensor;
  if (pome_tensor_count(&call.outputs[0]) == 0) return *bytes = 0, POME_OK;
  POME__TRY(plan_conv(&call, threads, &c));
  *bytes = c.scratch_bytes * threads + 128;
  if (x->dtype != POME_FP32) *bytes += pome_tensor_count(x) * sizeof(float);
  return POME_OK;
}

pome_status pome__cpu_run_conv(pome__cpu *cpu, size_t s, pome_error *error) {
  const pome__step *step = &cpu->prepared->steps[s];
  const pome__lease *lease = cpu->exec->lease;
  pome__call call;
  conv c = {.kernels = cpu->prepared->kernels, .bias = step->bias, .cancel = cpu->exec->cancel};
  pome__cpu_call(cpu, s, false, &call, error);
  call.outputs[0] = cpu->bound[step->outputs[0]].tensor;
  if (pome_tensor_count(&call.outputs[0]) == 0) return POME_OK;
  pome_status status = plan_conv(&call, (size_t)lease->threads, &c);
  if (status != POME_OK) return status;
  c.x = pome__cpu_floats(cpu, &cpu->bound[step->x].tensor);
  c.y = call.outputs[0].data;
  c.scratch = pome__arena_alloc(&cpu->scratch, c.scratch_bytes * (size_t)lease->threads, 64);
  if (c.x == NULL || c.scratch == NULL) {
    status = pome__fail_memory(error, "a convolution");
  } else if (c.jobs > 1 && c.work >= POME__PARALLEL_WORK) {
    pome__pool_run(lease, do_jobs, &c);
  } else {
    do_jobs(&c, 0, 1);
  }
  pome__arena_reset(&cpu->scratch);
  return status;
}
