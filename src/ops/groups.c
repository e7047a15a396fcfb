/* Folds and lines: loops over groups of elements that differ only along some axes. See loops.h.
 *
 * Where neighbouring groups lie next to each other in memory (the reduced axis is not the last
 * one), a tile of them is gathered at once, so that memory is read in rows and not in columns.
 */
#include <string.h>

#include "ops/loops.h"
#include "tensor/element.h"
#include "tensor/shape.h"

#define TILE  16 /* groups */
#define DEPTH 64 /* elements of each that are gathered before they are folded */

static size_t min_size(size_t a, size_t b) {
  return a < b ? a : b;
}

/* Splits a contiguous shape in the outer part (the other axes) and the inner part (`axes`), with
 * strides into the whole. */
typedef struct split {
  int outer_rank, inner_rank;
  int64_t outer_shape[POME_MAX_RANK], outer_strides[POME_MAX_RANK];
  int64_t inner_shape[POME_MAX_RANK], inner_strides[POME_MAX_RANK];
  size_t inner_count;
} split;

static void split_axes(const pome_tensor *x, uint32_t axes, split *s) {
  int64_t strides[POME_MAX_RANK];
  pome__shape_strides(x->rank, x->shape, strides);
  memset(s, 0, sizeof(*s));
  s->inner_count = 1;
  for (int i = 0; i < x->rank; i++) {
    if ((axes >> i & 1) != 0) {
      s->inner_shape[s->inner_rank] = x->shape[i];
      s->inner_strides[s->inner_rank++] = strides[i];
      s->inner_count *= (size_t)x->shape[i];
    } else {
      s->outer_shape[s->outer_rank] = x->shape[i];
      s->outer_strides[s->outer_rank++] = strides[i];
    }
  }
}

static void fold_group_f64(const pome_tensor *x, const split *s, int64_t offset,
                           const pome__fold *fold, pome_tensor *y, int64_t to) {
  double state[4] = {fold->start, 0, 0, 0};
  pome__walk walk;
  pome__walk_begin(&walk, s->inner_rank, s->inner_shape);
  pome__walk_add(&walk, offset, s->inner_strides);
  while (pome__walk_next(&walk)) {
    for (size_t begin = 0; begin < walk.length; begin += POME__BLOCK) {
      double block[POME__BLOCK];
      size_t n = min_size(walk.length - begin, POME__BLOCK);
      pome__load_f64(x->data, x->dtype, walk.offset[0] + (int64_t)begin * walk.step[0],
                     walk.step[0], n, block);
      fold->run(n, block, state);
    }
  }
  double result = fold->end != NULL ? fold->end(state, s->inner_count) : state[0];
  pome__store_f64(y->data, y->dtype, to, 1, 1, &result);
}

static void fold_group_i64(const pome_tensor *x, const split *s, int64_t offset,
                           const pome__fold *fold, pome_tensor *y, int64_t to) {
  int64_t state[4] = {fold->start_i64, 0, 0, 0};
  pome__walk walk;
  pome__walk_begin(&walk, s->inner_rank, s->inner_shape);
  pome__walk_add(&walk, offset, s->inner_strides);
  while (pome__walk_next(&walk)) {
    for (size_t begin = 0; begin < walk.length; begin += POME__BLOCK) {
      int64_t block[POME__BLOCK];
      size_t n = min_size(walk.length - begin, POME__BLOCK);
      pome__load_i64(x->data, x->dtype, walk.offset[0] + (int64_t)begin * walk.step[0],
                     walk.step[0], n, block);
      fold->run_i64(n, block, state);
    }
  }
  int64_t result = fold->end_i64 != NULL ? fold->end_i64(state, s->inner_count) : state[0];
  pome__store_i64(y->data, y->dtype, to, 1, 1, &result);
}

/* `groups` (at most TILE) neighbouring groups. */
static void fold_tile(const pome_tensor *x, const split *s, int64_t offset, size_t groups,
                      const pome__fold *fold, pome_tensor *y, int64_t to) {
  double state[TILE][4] = {{0}};
  double tile[TILE][DEPTH];
  size_t depth = 0;
  for (size_t g = 0; g < groups; g++) state[g][0] = fold->start;
  pome__walk walk;
  pome__walk_begin(&walk, s->inner_rank, s->inner_shape);
  pome__walk_add(&walk, offset, s->inner_strides);
  while (pome__walk_next(&walk)) {
    for (size_t i = 0; i < walk.length; i++) {
      double row[TILE];
      pome__load_f64(x->data, x->dtype, walk.offset[0] + (int64_t)i * walk.step[0], 1, groups, row);
      for (size_t g = 0; g < groups; g++) tile[g][depth] = row[g];
      if (++depth < DEPTH) continue;
      for (size_t g = 0; g < groups; g++) fold->run(depth, tile[g], state[g]);
      depth = 0;
    }
  }
  for (size_t g = 0; g < groups; g++) {
    if (depth > 0) fold->run(depth, tile[g], state[g]);
    double result = fold->end != NULL ? fold->end(state[g], s->inner_count) : state[g][0];
    pome__store_f64(y->data, y->dtype, to + (int64_t)g, 1, 1, &result);
  }
}

static bool is_whole(const pome_tensor *tensor) {
  return pome__dtype_is_integer(tensor->dtype) || tensor->dtype == POME_BOOL;
}

void pome__fold_axes(const pome__call *call, const pome_tensor *x, uint32_t axes, pome_tensor *y,
                     const pome__fold *fold) {
  split s;
  split_axes(x, axes, &s);
  bool whole = fold->run_i64 != NULL && is_whole(x);
  int64_t to = 0;
  pome__walk outer;
  pome__walk_begin(&outer, s.outer_rank, s.outer_shape);
  pome__walk_add(&outer, 0, s.outer_strides);
  while (pome__walk_next(&outer)) {
    size_t groups = 1;
    for (size_t i = 0; i < outer.length && !pome__call_stopped(call);
         i += groups, to += (int64_t)groups) {
      int64_t offset = outer.offset[0] + (int64_t)i * outer.step[0];
      if (outer.step[0] == 1 && !whole) groups = min_size(outer.length - i, TILE);
      if (whole) {
        fold_group_i64(x, &s, offset, fold, y, to);
      } else if (groups > 1) {
        fold_tile(x, &s, offset, groups, fold, y, to);
      } else {
        fold_group_f64(x, &s, offset, fold, y, to);
      }
    }
  }
}

/* ---- lines ---- */

typedef struct line_job {
  pome__call *call;
  const pome_tensor *x;
  pome_tensor *y;
  split s;
  const pome__line *f;
  const void *params;
  bool single;
  void *in, *out; /* room for TILE groups each */
} line_job;

static void map_lines(const line_job *j, const void *in, size_t groups) {
  size_t n = j->s.inner_count;
  for (size_t g = 0; g < groups; g++) {
    if (j->single) {
      j->f->f32(n, (const float *)in + g * n, (float *)j->out + g * n, j->params);
    } else {
      j->f->f64(n, (const double *)in + g * n, (double *)j->out + g * n, j->params);
    }
  }
}

static void line_group(const line_job *j, int64_t offset) {
  pome__walk gather;
  pome__walk_begin(&gather, j->s.inner_rank, j->s.inner_shape);
  pome__walk_add(&gather, offset, j->s.inner_strides);
  pome__walk scatter = gather;
  const void *in = j->in;
  for (size_t done = 0; pome__walk_next(&gather); done += gather.length) {
    if (!j->single) {
      pome__load_f64(j->x->data, j->x->dtype, gather.offset[0], gather.step[0], gather.length,
                     (double *)j->in + done);
      continue;
    }
    float *place = (float *)j->in + done;
    const float *got =
        pome__read_f32(j->call, j->x, gather.offset[0], gather.step[0], gather.length, place);
    if (gather.length == j->s.inner_count) {
      in = got;
    } else if (got != place) {
      memcpy(place, got, gather.length * sizeof(float));
    }
  }
  map_lines(j, in, 1);
  for (size_t done = 0; pome__walk_next(&scatter); done += scatter.length) {
    if (j->single) {
      pome__write_f32(j->call, j->y, scatter.offset[0], scatter.step[0], scatter.length,
                      (float *)j->out + done);
    } else {
      pome__store_f64(j->y->data, j->y->dtype, scatter.offset[0], scatter.step[0], scatter.length,
                      (double *)j->out + done);
    }
  }
}

/* Element `position` of `groups` neighbouring groups, whose first lies at `at`, into the lines. */
static void gather_across(const line_job *j, int64_t at, size_t groups, size_t position) {
  size_t n = j->s.inner_count;
  if (j->single) {
    float buffer[TILE];
    const float *row = pome__read_f32(j->call, j->x, at, 1, groups, buffer);
    for (size_t g = 0; g < groups; g++) ((float *)j->in)[g * n + position] = row[g];
  } else {
    double row[TILE];
    pome__load_f64(j->x->data, j->x->dtype, at, 1, groups, row);
    for (size_t g = 0; g < groups; g++) ((double *)j->in)[g * n + position] = row[g];
  }
}

static void scatter_across(const line_job *j, int64_t at, size_t groups, size_t position) {
  size_t n = j->s.inner_count;
  if (j->single) {
    float row[TILE];
    for (size_t g = 0; g < groups; g++) row[g] = ((const float *)j->out)[g * n + position];
    pome__write_f32(j->call, j->y, at, 1, groups, row);
  } else {
    double row[TILE];
    for (size_t g = 0; g < groups; g++) row[g] = ((const double *)j->out)[g * n + position];
    pome__store_f64(j->y->data, j->y->dtype, at, 1, groups, row);
  }
}

static void line_tile(const line_job *j, int64_t offset, size_t groups) {
  pome__walk gather;
  pome__walk_begin(&gather, j->s.inner_rank, j->s.inner_shape);
  pome__walk_add(&gather, offset, j->s.inner_strides);
  pome__walk scatter = gather;
  size_t position = 0;
  while (pome__walk_next(&gather)) {
    for (size_t i = 0; i < gather.length; i++) {
      gather_across(j, gather.offset[0] + (int64_t)i * gather.step[0], groups, position++);
    }
  }
  map_lines(j, j->in, groups);
  position = 0;
  while (pome__walk_next(&scatter)) {
    for (size_t i = 0; i < scatter.length; i++) {
      scatter_across(j, scatter.offset[0] + (int64_t)i * scatter.step[0], groups, position++);
    }
  }
}

pome_status pome__line_blocks(pome__call *call, const pome_tensor *x, pome_tensor *y, uint32_t axes,
                              const pome__line *f, const void *params) {
  line_job j = {.call = call, .x = x, .y = y, .f = f, .params = params};
  split_axes(x, axes, &j.s);
  if (pome_tensor_count(x) == 0) return POME_OK;
  j.single = f->f32 != NULL && pome__use_f32(call, x);
  pome__walk outer;
  pome__walk_begin(&outer, j.s.outer_rank, j.s.outer_shape);
  pome__walk_add(&outer, 0, j.s.outer_strides);
  bool more = pome__walk_next(&outer);
  size_t tile = outer.step[0] == 1 ? min_size(outer.length, TILE) : 1;
  size_t room = j.s.inner_count * tile; /* no more than the tensor has */
  size_t size = j.single ? sizeof(float) : sizeof(double);
  j.in = pome__arena_array(call->scratch, room, size, 64);
  j.out = pome__arena_array(call->scratch, room, size, 64);
  if (j.in == NULL || j.out == NULL) return pome__call_memory(call);
  for (; more; more = pome__walk_next(&outer)) {
    size_t groups = 1;
    for (size_t i = 0; i < outer.length && !pome__call_stopped(call); i += groups) {
      groups = min_size(outer.length - i, tile);
      if (groups > 1) {
        line_tile(&j, outer.offset[0] + (int64_t)i * outer.step[0], groups);
      } else {
        line_group(&j, outer.offset[0] + (int64_t)i * outer.step[0]);
      }
    }
  }
  return POME_OK;
}
