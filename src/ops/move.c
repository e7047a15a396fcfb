/* Copies of elements between tensors whose stored types may differ. See move.h. */
#include "ops/move.h"

#include "ops/loops.h"
#include "tensor/element.h"

/* Halves widened to floats, as the caches of language models are: straight to where they go. */
static bool widens_in_a_row(const pome_tensor *in, int64_t from_step, const pome_tensor *out,
                            int64_t to_step) {
  return in->dtype == POME_FP16 && out->dtype == POME_FP32 && from_step == 1 && to_step == 1;
}

static void convert_row(const pome_tensor *in, int64_t from, int64_t from_step, pome_tensor *out,
                        int64_t to, int64_t to_step, size_t count) {
  double block[POME__BLOCK];
  if (widens_in_a_row(in, from_step, out, to_step)) {
    pome__load_f32(in->data, in->dtype, from, 1, count, (float *)out->data + to);
    return;
  }
  for (size_t begin = 0; begin < count; begin += POME__BLOCK) {
    size_t n = count - begin < POME__BLOCK ? count - begin : POME__BLOCK;
    int64_t at = (int64_t)begin;
    pome__load_f64(in->data, in->dtype, from + at * from_step, from_step, n, block);
    pome__store_f64(out->data, out->dtype, to + at * to_step, to_step, n, block);
  }
}

void pome__move(int rank, const int64_t *shape, const pome_tensor *in, int64_t in_offset,
                const int64_t *in_strides, pome_tensor *out, int64_t out_offset,
                const int64_t *out_strides) {
  if (in->dtype == out->dtype) {
    pome__copy_strided(in->dtype, rank, shape, in->data, in_offset, in_strides, out->data,
                       out_offset, out_strides);
    return;
  }
  pome__walk walk;
  pome__walk_begin(&walk, rank, shape);
  pome__walk_add(&walk, in_offset, in_strides);
  pome__walk_add(&walk, out_offset, out_strides);
  while (pome__walk_next(&walk)) {
    convert_row(in, walk.offset[0], walk.step[0], out, walk.offset[1], walk.step[1], walk.length);
  }
}

void pome__move_run(const pome_tensor *in, int64_t in_offset, pome_tensor *out, int64_t out_offset,
                    int64_t count) {
  const int64_t one = 1;
  pome__move(1, &count, in, in_offset, &one, out, out_offset, &one);
}

void pome__move_all(const pome_tensor *in, pome_tensor *out) {
  if (in->data == out->data) return;
  if (in->dtype == out->dtype) {
    pome__copy_elements(in, out);
  } else {
    convert_row(in, 0, 1, out, 0, 1, pome_tensor_count(out));
  }
}
