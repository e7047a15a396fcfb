/* Op cases of shapes, slices, joining, sorting and making tensors. Expected numbers come from numpy
 * and torch, or were worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

static void test_shapes(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"reshape", POME__IOS15, "x=fp32[2,3,4]{0..23}; shape=int32[2]{4, -1}", "fp32[4,6]{0..23}",
       0},
      {"reshape", POME__IOS15, "x=fp32[2,3,4]{0..23}; shape=const int32[3]{0, -1, 2}",
       "fp32[2,6,2]{0..23}", 0},
      {"reshape", POME__IOS17, "x=fp32[2,3,4]{0..23}; shape=const int16[4]{4, 1, 0, -1}",
       "fp32[4,1,3,2]{0..23}", 0},
      {"reshape", POME__IOS17, "x=fp32[2,50]{1*100}; shape=const int32[4]{1, 0, -1, 0}",
       "fp32[1,1,2,50]{1*100}", 0},
      {"reshape", POME__IOS15, "x=fp32[2,3,4]{0..23}; shape=const int32[2]{0, -1}",
       "error: with a 0 it must have as many", 0},
      {"reshape", POME__IOS15, "x=fp32[2,3,4]{0..23}; shape=const int32[2]{5, -1}",
       "error: the numbers of elements differ", 0},
      {"reshape", POME__IOS15, "x=fp32[2,3,4]{0..23}; shape=const int32[2]{-1, -1}",
       "error: at most one -1", 0},
      {"reshape", POME__IOS15, "x=fp32[1]{3}; shape=const int32[0]{}", "fp32[]{3}", 0},
      {"reshape_like", POME__IOS16,
       "x=fp32[6]{0..5}; ref_tensors=(fp32[2,3,4]{0*24}, fp32[1,5]{0*5}); begins=(const "
       "int32[]{0}, "
       "const int32[]{0}); ends=(const int32[]{2}, const int32[]{1}); end_masks=(const bool[]{0}, "
       "const bool[]{0})",
       "fp32[2,3,1]{0..5}", 0},
      {"expand_dims", POME__IOS15, "x=fp32[2,3,4]{0..23}; axes=int32[2]{0, -1}",
       "fp32[1,2,3,4,1]{0..23}", 0},
      {"expand_dims", POME__IOS15, "x=fp32[2,3,4]{0..23}; axes=int32[2]{0, -5}", "error: twice", 0},
      {"squeeze", POME__IOS15, "x=fp32[1,2,1]{1, 2}", "fp32[2]{1, 2}", 0},
      {"squeeze", POME__IOS15, "x=fp32[1,2,1]{1, 2}; axes=int32[2]{1, 2}", "fp32[1,2]{1, 2}", 0},
      {"transpose", POME__IOS15, "x=fp32[2,3,4]{0..23}; perm=int32[3]{2, 0, -2}",
       "fp32[4,2,3]{0, 4, 8, 12, 16, 20, 1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, "
       "19, 23}",
       0},
      {"transpose", POME__IOS17, "x=int8[2,3]{1..6}; perm=int32[2]{1, 0}",
       "int8[3,2]{1, 4, 2, 5, 3, 6}", 0},
      {"transpose", POME__IOS15, "x=fp32[2,3,4]{0..23}; perm=int32[3]{2, 0, 0}", "error: twice", 0},
      {"reverse", POME__IOS15, "x=fp32[2,3,4]{0..23}; axes=int32[1]{1}",
       "fp32[2,3,4]{8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3, 20, 21, 22, 23, 16, 17, 18, 19, 12, 13, "
       "14, 15}",
       0},
      {"reverse", POME__IOS15, "x=fp32[2,3,4]{0..23}",
       "fp32[2,3,4]{23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, "
       "2, "
       "1, 0}",
       0},
      {"reverse_sequence", POME__IOS15,
       "x=int32[2,4]{1..8}; lengths=int32[2]{3, 1}; seq_axis=1; batch_axis=0",
       "int32[2,4]{3, 2, 1, 4, 5, 6, 7, 8}", 0},
      {"reverse_sequence", POME__IOS15, "x=int32[2,4]{1..8}; lengths=int32[2]{3, 5}; seq_axis=1",
       "error: lengths[1] is 5", 0},
      {"sliding_windows", POME__IOS15, "x=int32[2,5]{0..9}; axis=-1; size=3; stride=2",
       "int32[2,2,3]{0, 1, 2, 2, 3, 4, 5, 6, 7, 7, 8, 9}", 0},
      {"sliding_windows", POME__IOS15, "x=int32[2,5]{0..9}; axis=0; size=3",
       "error: has only 2 elements", 0},
      {"flatten2d", POME__IOS15, "x=fp32[2,3,4]{0..23}; axis=-1", "fp32[6,4]{0..23}", 0},
      {"flatten2d", POME__IOS15, "x=fp32[2,3,4]{0..23}; axis=3", "fp32[24,1]{0..23}", 0},
      {"identity", POME__IOS15, "x=fp32[2,3,4]{0..23}", "fp32[2,3,4]{0..23}", 0},
      {"shape", POME__IOS15, "x=fp32[2,3,4]{0..23}", "int32[3]{2, 3, 4}", 0},
      {"pixel_shuffle", POME__IOS15, "x=fp32[2,4,2,2]{0..31}; upscale_factor=2",
       "fp32[2,1,4,4]{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15, 16, 20, 17, 21, 24, "
       "28, "
       "25, 29, 18, 22, 19, 23, 26, 30, 27, 31}",
       0},
      {"pixel_unshuffle", POME__IOS16,
       "x=fp32[2,1,4,4]{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15, 16, 20, 17, 21, 24, "
       "28, 25, 29, 18, 22, 19, 23, 26, 30, 27, 31}; downscale_factor=uint32[]{2}",
       "fp32[2,4,2,2]{0..31}", 0},
      {"depth_to_space", POME__IOS15, "x=fp32[1,8,1,2]{0..15}; block_size=2",
       "fp32[1,2,2,4]{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15}", 0},
      {"space_to_depth", POME__IOS15,
       "x=fp32[1,2,2,4]{0, 4, 1, 5, 8, 12, 9, 13, 2, 6, 3, 7, 10, 14, 11, 15}; block_size=2",
       "fp32[1,8,1,2]{0..15}", 0},
      {"pixel_shuffle", POME__IOS15, "x=fp32[1,3,2,2]{0..11}; upscale_factor=2",
       "error: which 4 does not divide", 0},
      {"space_to_batch", POME__IOS15,
       "x=fp32[2,1,3,2]{1..12}; block_shape=int32[2]{2, 2}; paddings=int32[2,2]{1, 0, 0, 2}",
       "fp32[8,1,2,2]{0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 10, 0, 1, 0, 5, 0, 7, 0, 11, 0, 2, "
       "0, 6, 0, 8, 0, 12, 0}",
       0},
      {"batch_to_space", POME__IOS15,
       "x=fp32[8,1,2,2]{0, 0, 3, 0, 0, 0, 9, 0, 0, 0, 4, 0, 0, 0, 10, 0, 1, 0, 5, 0, 7, 0, 11, 0, "
       "2, 0, 6, 0, 8, 0, 12, 0}; block_shape=int32[2]{2, 2}; crops=int32[2,2]{1, 0, 0, 2}",
       "fp32[2,1,3,2]{1..12}", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_slices(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, 1, 1}; end=int32[3]{2, 3, -1}",
       "fp32[2,2,2]{5, 6, 9, 10, 17, 18, 21, 22}", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, -1, 3}; end=int32[3]{0, 0, 0}; stride=int32[3]{1, "
       "-1, -2}; end_mask=bool[3]{1, 0, 1}",
       "fp32[2,2,2]{11, 9, 7, 5, 23, 21, 19, 17}", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=const int32[3]{1, -2, 0}; end=const int32[3]{0, 0, 0}; "
       "squeeze_mask=bool[3]{1, 1, 0}; end_mask=bool[3]{0, 0, 1}",
       "fp32[4]{16, 17, 18, 19}", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, 0, 0}; end=int32[3]{9, 1, 9}; stride=int32[3]{2, "
       "1, "
       "3}; begin_mask=bool[3]{1, 0, 0}",
       "fp32[1,1,2]{0, 3}", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{2, 0, 0}; end=int32[3]{0, 0, 0}; "
       "squeeze_mask=bool[3]{1, 1, 1}",
       "error: begin is 2 in dimension 0", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, 0, 4}; end=int32[3]{1, 1, 5}",
       "error: begin is 4 in dimension 2", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[2]{0, 0}; end=int32[3]{1, 1, 5}",
       "error: the length of 'begin' is 2, but the rank of x is 3", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, 0, 0}; end=int32[3]{1, 1, 2}; stride=int32[3]{1, "
       "1, "
       "0}",
       "error: stride is 0", 0},
      {"slice_by_size", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, 1, -2}; size=int32[3]{1, -1, 2}",
       "fp32[1,2,2]{6, 7, 10, 11}", 0},
      {"slice_by_size", POME__IOS15,
       "x=fp32[2,3,4]{0..23}; begin=int32[3]{0, 1, 3}; size=int32[3]{1, -1, 2}",
       "error: which has only 4", 0},
      {"slice_update", POME__IOS18,
       "x=fp16[2,3]{0..5}; update=fp16[1,2]{8, 9}; begin=int32[2]{1, 0}; end=int32[2]{2, 3}; "
       "stride=int32[2]{1, 2}",
       "fp16[2,3]{0, 1, 2, 8, 4, 9}", 0},
      {"slice_update", POME__IOS18,
       "x=int32[2,3]{0..5}; update=int32[2]{8, 9}; begin=int32[2]{0, -1}; end=int32[2]{0, 0}; "
       "end_mask=bool[2]{1, 0}; squeeze_mask=bool[2]{0, 1}",
       "int32[2,3]{0, 1, 8, 3, 4, 9}", 0},
      {"slice_update", POME__IOS18,
       "x=fp16[2,3]{0..5}; update=fp16[1,3]{8, 9, 10}; begin=int32[2]{1, 0}; end=int32[2]{2, 2}",
       "error: 'update' has shape [1, 3]; the slice has shape [1, 2]", 0},
      {"slice_update", POME__IOS18,
       "x=fp16[2]{0, 1}; update=fp16[]{8}; begin=int32[1]{1}; end=int32[1]{2}; "
       "squeeze_mask=bool[1]{1}",
       "error: 'update' is a scalar", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_joining(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"concat", POME__IOS15, "values=(fp32[2,1]{1, 2}, fp32[2,2]{3..6}); axis=-1",
       "fp32[2,3]{1, 3, 4, 2, 5, 6}", 0},
      {"concat", POME__IOS15, "values=(int32[]{1}, int32[]{2}, int32[]{3}); axis=0",
       "int32[3]{1, 2, 3}", 0},
      {"concat", POME__IOS15, "values=(fp32[2,2]{1..4}, fp32[2,2]{5..8}); axis=0; interleave=true",
       "fp32[4,2]{1, 2, 5, 6, 3, 4, 7, 8}", 0},
      {"concat", POME__IOS15, "values=(fp32[0,2]{}, const fp16[1,2]{5, 6}); axis=0",
       "error: they must have one element type", 0},
      {"concat", POME__IOS15, "values=(fp16[0,2]{}, const fp16[1,2]{5, 6}); axis=0",
       "fp16[1,2]{5, 6}", 0},
      {"concat", POME__IOS15, "values=(fp32[2,2]{1..4}, fp32[3,3]{1..9}); axis=0",
       "error: has 3 in dimension 1", 0},
      {"concat", POME__IOS15, "values=(fp32[2,2]{1..4}, fp32[2]{1, 2}); axis=0",
       "error: has rank 1", 0},
      {"stack", POME__IOS15, "values=(fp32[2]{1, 2}, fp32[2]{3, 4}); axis=-1",
       "fp32[2,2]{1, 3, 2, 4}", 0},
      {"split", POME__IOS15, "x=int32[2,4]{1..8}; num_splits=2; axis=1",
       "int32[2,2]{1, 2, 5, 6}; int32[2,2]{3, 4, 7, 8}", 0},
      {"split", POME__IOS15, "x=int32[2,4]{1..8}; split_sizes=int32[2]{1, 3}; axis=-1",
       "int32[2,1]{1, 5}; int32[2,3]{2, 3, 4, 6, 7, 8}", 0},
      {"split", POME__IOS15, "x=int32[2,4]{1..8}; split_sizes=int32[2]{1, 2}; axis=-1",
       "error*2: the sum of split_sizes is 3", 0},
      {"split", POME__IOS15, "x=int32[2,4]{1..8}; num_splits=3; axis=-1",
       "error*3: does not divide", 0},
      {"tile", POME__IOS15, "x=int32[1,2,1]{1, 2}; reps=int32[3]{2, 2, 3}",
       "int32[2,4,3]{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2}", 0},
      {"tile", POME__IOS15, "x=int32[2]{1, 2}; reps=int32[1]{-1}", "error: reps[0] is -1", 0},
      {"pad", POME__IOS15, "x=fp32[2,2]{1..4}; pad=int32[4]{1, 0, 0, 2}; constant_val=9.0",
       "fp32[3,4]{9*4, 1, 2, 9, 9, 3, 4, 9, 9}", 0},
      {"pad", POME__IOS15, "x=fp32[1,2,3]{1..6}; pad=const int32[4]{1, 1, 2, 1}; mode=\"reflect\"",
       "fp32[1,4,6]{6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2, 6, 5, 4, 5, 6, 5, 3, 2, 1, 2, 3, 2}", 0},
      {"pad", POME__IOS15, "x=fp32[1,3]{1..3}; pad=const int32[2]{4, 2}; mode=\"replicate\"",
       "fp32[1,9]{1, 1, 1, 1, 1, 2, 3, 3, 3}", 0},
      {"pad", POME__IOS15, "x=fp32[1,3]{1..3}; pad=const int32[2]{3, 0}; mode=\"reflect\"",
       "error: by at most 2, not 3", 0},
      {"pad", POME__IOS15, "x=fp32[1,3]{1..3}; pad=int32[4]{0, 0, -1, 0}", "error: is negative", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_sorting(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"argsort", POME__IOS15, "x=fp32[2,3]{1, 3, 2, 5, 4, 5}; axis=1",
       "int32[2,3]{1, 2, 0, 0, 2, 1}", 0},
      {"argsort", POME__IOS15, "x=fp32[4]{nan, 1, -inf, 0}; ascending=true", "int32[4]{2, 3, 1, 0}",
       0},
      {"topk", POME__IOS15, "x=int32[2,3]{1, 3, 2, 6, 4, 5}; k=2; axis=-1",
       "int32[2,2]{3, 2, 6, 5}; int32[2,2]{1, 2, 0, 2}", 0},
      {"topk", POME__IOS16,
       "x=fp32[3,1]{1, 3, 2}; k=2; axis=0; ascending=true; return_indices=false", "fp32[2,1]{1, 2}",
       0},
      {"topk", POME__IOS17, "x=uint8[3]{1, 3, 2}; k=-1; output_indices_dtype=\"uint16\"",
       "uint8[3]{3, 2, 1}; uint16[3]{1, 2, 0}", 0},
      {"topk", POME__IOS15, "x=int32[3]{1, 3, 2}; k=4", "error*2: k is 4", 0},
      {"non_maximum_suppression", POME__IOS15,
       "boxes=fp32[1,3,4]{0, 0, 2, 2, 0, 0, 2, 2.5, 5, 5, 1, 1}; scores=fp32[1,3,1]{0.5, 0.75, "
       "0.25}; iou_threshold=0.5; score_threshold=0.1; max_boxes=3",
       "fp32[1,3,4]{0, 0, 2, 2.5, 5, 5, 1, 1, 0*4}; fp32[1,3,1]{0.75, 0.25, 0}; int32[1,3]{1, 2, "
       "-1}; int32[1]{2}",
       0},
      {"non_maximum_suppression", POME__IOS15,
       "boxes=fp32[1,2,4]{0, 0, 2, 2, 0, 0, 2, 2}; scores=fp32[1,2,2]{0.5, 0.25, 0.25, 0.75}; "
       "iou_threshold=0.5; score_threshold=0.1; max_boxes=2; per_class_suppression=true",
       "fp32[1,2,4]{0, 0, 2, 2, 0, 0, 2, 2}; fp32[1,2,2]{0.25, 0.75, 0.5, 0.25}; int32[1,2]{1, 0}; "
       "int32[1]{2}",
       0},
      {"non_maximum_suppression", POME__IOS15,
       "boxes=fp32[1,1,4]{0, 0, 2, 2}; scores=fp32[1,1,1]{0.5}; iou_threshold=0.5; "
       "score_threshold=0.9; max_boxes=1",
       "fp32[1,1,4]{0, 0, 2, 2}; fp32[1,1,1]{0.5}; int32[1,1]{0}; int32[1]{1}", 0},
      {"non_maximum_suppression", POME__IOS17,
       "boxes=fp32[1,4,2]{0, 5, 0, 5, 2, 1, 2, 1}; scores=fp32[1,1,2]{0.5, 0.75}; "
       "iou_threshold=0.5; max_boxes=1",
       "fp32[1,4,1]{5, 5, 1, 1}; fp32[1,1,1]{0.75}; int32[1,1]{1}", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_making(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"band_part", POME__IOS15, "x=int32[3,3]{1..9}; lower=0; upper=1",
       "int32[3,3]{1, 2, 0, 0, 5, 6, 0, 0, 9}", 0},
      {"band_part", POME__IOS15, "x=int32[3,3]{1..9}; upper=0",
       "int32[3,3]{1, 0, 0, 4, 5, 0, 7, 8, 9}", 0},
      {"cumsum", POME__IOS15, "x=fp32[2,3]{1..6}; axis=1", "fp32[2,3]{1, 3, 6, 4, 9, 15}", 0},
      {"cumsum", POME__IOS15, "x=int32[2,3]{1..6}; axis=-1; exclusive=true; reverse=true",
       "int32[2,3]{5, 3, 0, 11, 6, 0}", 0},
      {"fill", POME__IOS15, "shape=int32[2]{2, 1}; value=fp32[]{2.5}", "fp32[2,1]{2.5, 2.5}", 0},
      {"fill", POME__IOS15, "shape=int32[1]{2}; value=true", "bool[2]{1, 1}", 0},
      {"fill", POME__IOS15, "shape=int32[1]{-2}", "error: must not be negative", 0},
      {"fill_like", POME__IOS16, "ref_tensor=fp16[1,2]{1, 2}; value=7", "int32[1,2]{7, 7}", 0},
      {"non_zero", POME__IOS15, "x=fp32[2,2]{0, -1, 2, 0}", "int32[2,2]{0, 1, 1, 0}", 0},
      {"non_zero", POME__IOS15, "x=bool[2]{0, 0}", "int32[0,1]{}", 0},
      {"one_hot", POME__IOS15,
       "indices=int32[3]{1, -1, 3}; one_hot_vector_size=3; on_value=5; off_value=1",
       "int32[3,3]{1, 5, 1, 1, 1, 1, 1, 1, 1}", 0},
      {"one_hot", POME__IOS15,
       "indices=int32[2]{1, 0}; one_hot_vector_size=3; axis=0; on_value=fp32[]{1}; "
       "off_value=fp32[]{0}",
       "fp32[3,2]{0, 1, 1, 0, 0, 0}", 0},
      {"range_1d", POME__IOS15, "start=1; end=8; step=3", "int32[3]{1, 4, 7}", 0},
      {"range_1d", POME__IOS15, "start=fp32[]{0}; end=fp32[]{1}; step=fp32[]{0.1}",
       "fp32[10]{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9}", 0},
      {"range_1d", POME__IOS15, "start=3; end=1; step=1", "int32[0]{}", 0},
      {"range_1d", POME__IOS15, "start=3; end=1; step=0", "error: is not a range", 0},
      {"random_uniform", POME__IOS15, "shape=int32[1]{2}; low=fp32[]{2}; high=fp32[]{2}",
       "fp32[2]{2, 2}", 0},
      {"random_normal", POME__IOS15, "shape=int32[2]{1, 2}; mean=fp32[]{3}; stddev=fp32[]{0}",
       "fp32[1,2]{3, 3}", 0},
      {"random_bernoulli", POME__IOS15, "shape=int32[1]{3}; prob=fp32[]{1}", "fp32[3]{1, 1, 1}", 0},
      {"random_categorical", POME__IOS15, "x=fp32[2,3]{0, 1, 0, 0, 0, 2}; mode=\"probs\"; size=2",
       "fp32[2,2]{1, 1, 2, 2}", 0},
      {"random_categorical", POME__IOS15, "x=fp32[1,2]{0, 0}; mode=\"probs\"", "error: no category",
       0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_shapes),  cmocka_unit_test(test_slices), cmocka_unit_test(test_joining),
      cmocka_unit_test(test_sorting), cmocka_unit_test(test_making),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
