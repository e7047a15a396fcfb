/* Tensors without elements, tensors without dimensions, and extreme numbers, through every
 * operation that takes them, on every device.
 *
 * What a fold over nothing gives is its neutral element: 0 for sums, 1 for products, minus infinity
 * for the largest of floats. Where there is none (a mean, the place of the largest) it is NaN for
 * floats, or refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#include "modes.h"
#include "op_case.h"

/* Operations that keep the shape of x, with what else they need. */
typedef struct map {
  const char *op, *more;
} map;

static const map maps[] = {
    {"abs", ""},
    {"acos", ""},
    {"asin", ""},
    {"atan", ""},
    {"atanh", ""},
    {"ceil", ""},
    {"clip", "; alpha=0.0; beta=1.0"},
    {"cos", ""},
    {"cosh", ""},
    {"erf", ""},
    {"exp", ""},
    {"exp2", ""},
    {"floor", ""},
    {"inverse", ""},
    {"log", ""},
    {"round", ""},
    {"rsqrt", ""},
    {"sign", ""},
    {"sin", ""},
    {"sinh", ""},
    {"sqrt", ""},
    {"square", ""},
    {"tan", ""},
    {"tanh", ""},
    {"threshold", "; alpha=0.5"},
    {"clamped_relu", "; alpha=0.5; beta=4.0"},
    {"elu", "; alpha=1.0"},
    {"gelu", ""},
    {"leaky_relu", "; alpha=0.5"},
    {"linear_activation", "; alpha=2.0; beta=1.0"},
    {"relu", ""},
    {"relu6", ""},
    {"scaled_tanh", "; alpha=2.0; beta=1.0"},
    {"sigmoid", ""},
    {"sigmoid_hard", "; alpha=0.5; beta=0.5"},
    {"silu", ""},
    {"softplus", ""},
    {"softsign", ""},
    {"thresholded_relu", "; alpha=0.5"},
    {"cast", "; dtype=\"fp32\""},
    {"identity", ""},
    {"reverse", ""},
};

static const char *const numbers[] = {"add", "sub",     "mul",     "floor_div", "mod",
                                      "pow", "maximum", "minimum", "real_div"};
static const char *const comparisons[] = {"equal",         "not_equal", "greater",
                                          "greater_equal", "less",      "less_equal"};
static const char *const logic[] = {"logical_and", "logical_or", "logical_xor"};
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void run(const char *op, const char *inputs, const char *expected) {
  op_case one = {op, POME__IOS15, inputs, expected, 0};
  op_cases_run(&one, 1);
}

static void maps_take_both(void **state) {
  (void)state;
  static const char *const shapes[] = {"fp32[0]", "fp32[2, 0, 3]", "fp16[0, 2]"};
  for (size_t i = 0; i < COUNT(maps); i++) {
    char inputs[256], expected[64];
    for (size_t s = 0; s < COUNT(shapes); s++) {
      snprintf(inputs, sizeof inputs, "x=%s{}%s", shapes[s], maps[i].more);
      snprintf(expected, sizeof expected, "%s{}", shapes[s]);
      if (strcmp(maps[i].op, "cast") == 0) memcpy(expected, "fp32", 4);
      run(maps[i].op, inputs, expected);
    }
    snprintf(inputs, sizeof inputs, "x=fp32[]{0.75}%s", maps[i].more);
    run(maps[i].op, inputs, "fp32[]");
  }
}

static void pairs(const char *const *ops, size_t count, const char *in, const char *out) {
  static const char *const shapes[][3] = {{"[0]{}", "[1]{1}", "[0]{}"},
                                          {"[2, 0]{}", "[]{1}", "[2, 0]{}"},
                                          {"[2, 0]{}", "[2, 1]{1, 1}", "[2, 0]{}"},
                                          {"[]{1}", "[]{1}", "[]"},
                                          {"[]{1}", "[1, 1]{1}", "[1, 1]"}};
  for (size_t i = 0; i < count; i++) {
    for (size_t s = 0; s < COUNT(shapes); s++) {
      char inputs[128], expected[64];
      snprintf(inputs, sizeof inputs, "x=%s%s; y=%s%s", in, shapes[s][0], in, shapes[s][1]);
      snprintf(expected, sizeof expected, "%s%s", out, shapes[s][2]);
      run(ops[i], inputs, expected);
    }
  }
}

static void pairs_take_both(void **state) {
  (void)state;
  pairs(numbers, COUNT(numbers), "fp32", "fp32");
  pairs(numbers, COUNT(numbers), "int32", "int32");
  pairs(comparisons, COUNT(comparisons), "fp16", "bool");
  pairs(logic, COUNT(logic), "bool", "bool");
}

static void reductions_of_nothing(void **state) {
  (void)state;
#define NONE "x=fp32[2, 0]{}; axes=int32[1]{1}"
  static const op_case cases[] = {
      {"reduce_sum", POME__IOS15, NONE, "fp32[2]{0, 0}", 0},
      {"reduce_prod", POME__IOS15, NONE, "fp32[2]{1, 1}", 0},
      {"reduce_sum_square", POME__IOS15, NONE, "fp32[2]{0, 0}", 0},
      {"reduce_l1_norm", POME__IOS15, NONE, "fp32[2]{0, 0}", 0},
      {"reduce_l2_norm", POME__IOS15, NONE, "fp32[2]{0, 0}", 0},
      {"reduce_log_sum", POME__IOS15, NONE, "fp32[2]{-inf, -inf}", 0},
      {"reduce_log_sum_exp", POME__IOS15, NONE, "fp32[2]{-inf, -inf}", 0},
      {"reduce_mean", POME__IOS15, NONE, "fp32[2]{nan, nan}", 0},
      {"reduce_max", POME__IOS15, NONE, "fp32[2]{-inf, -inf}", 0},
      {"reduce_min", POME__IOS15, NONE, "fp32[2]{inf, inf}", 0},
      {"reduce_sum", POME__IOS15, "x=fp32[0, 3]{}; axes=int32[1]{1}", "fp32[0]{}", 0},
      {"reduce_max", POME__IOS15, "x=int32[0, 3]{}; axes=int32[1]{1}; keep_dims=true",
       "int32[0, 1]{}", 0},
      {"reduce_sum", POME__IOS15, "x=fp32[]{3}", "fp32[]{3}", 0},
      {"reduce_max", POME__IOS15, "x=int32[]{3}", "int32[]{3}", 0},
      {"reduce_mean", POME__IOS15, "x=fp32[3]{1, 2, 3}", "fp32[]{2}", 0},
      {"reduce_argmax", POME__IOS15, "x=fp32[0, 3]{}; axis=1", "int32[0]{}", 0},
      {"reduce_argmax", POME__IOS15, "x=fp32[2, 0]{}; axis=1", "error: no elements along axis 1",
       0},
      {"reduce_argmin", POME__IOS15, "x=fp32[2, 0]{}; axis=1", "error: no elements along axis 1",
       0},
      {"reduce_max", POME__IOS15, "x=int32[1, 0]{}; axes=int32[1]{1}", "int32[1]{-2147483648}", 0},
      {"reduce_min", POME__IOS15, "x=int32[1, 0]{}; axes=int32[1]{1}", "int32[1]{2147483647}", 0},
  };
  OP_CASES_RUN(cases);
}

static void products_of_nothing(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"matmul", POME__IOS15, "x=fp32[2, 0]{}; y=fp32[0, 3]{}", "fp32[2, 3]{0*6}", 0},
      {"matmul", POME__IOS15, "x=fp32[0, 2]{}; y=fp32[2, 3]{0*6}", "fp32[0, 3]{}", 0},
      {"matmul", POME__IOS15, "x=fp32[0, 2]{}; y=const fp32[3, 2]{0*6}; transpose_y=true",
       "fp32[0, 3]{}", 0},
      {"linear", POME__IOS15, "x=fp32[0, 2]{}; weight=fp32[1, 2]{1, 2}", "fp32[0, 1]{}", 0},
      {"linear", POME__IOS15, "x=fp32[2, 0]{}; weight=fp32[1, 0]{}; bias=fp32[1]{5}",
       "fp32[2, 1]{5, 5}", 0},
      {"einsum", POME__IOS15,
       "values=(fp32[0, 2, 2]{}, fp32[2, 2, 2]{0*8}); equation=\"chw,whr->chr\"", "fp32[0, 2, 2]{}",
       0},
      {"conv", POME__IOS15, "x=fp32[0, 1, 4]{}; weight=fp32[1, 1, 2]{1, 1}", "fp32[0, 1, 3]{}", 0},
      {"conv", POME__IOS15, "x=fp32[0, 1, 4]{}; weight=const fp32[1, 1, 2]{1, 1}",
       "fp32[0, 1, 3]{}", 0},
      {"conv_transpose", POME__IOS15, "x=fp32[0, 1, 4]{}; weight=fp32[1, 1, 2]{1, 1}",
       "fp32[0, 1, 5]{}", 0},
      {"max_pool", POME__IOS15, "x=fp32[0, 1, 4]{}; kernel_sizes=int32[1]{2}; pad_type=\"valid\"",
       "fp32[0, 1, 3]{}", 0},
      {"avg_pool", POME__IOS15, "x=fp32[0, 1, 4]{}; kernel_sizes=int32[1]{2}; pad_type=\"valid\"",
       "fp32[0, 1, 3]{}", 0},
      {"l2_pool", POME__IOS15, "x=fp32[0, 1, 4]{}; kernel_sizes=int32[1]{2}; pad_type=\"valid\"",
       "fp32[0, 1, 3]{}", 0},
      {"batch_norm", POME__IOS15, "x=fp32[0, 1, 2]{}; mean=fp32[1]{0}; variance=fp32[1]{1}",
       "fp32[0, 1, 2]{}", 0},
      {"instance_norm", POME__IOS15, "x=fp32[0, 1, 2]{}", "fp32[0, 1, 2]{}", 0},
      {"layer_norm", POME__IOS15, "x=fp32[0, 2]{}; axes=int32[1]{1}", "fp32[0, 2]{}", 0},
      {"layer_norm", POME__IOS15, "x=fp32[2, 0]{}; axes=int32[1]{1}", "fp32[2, 0]{}", 0},
      {"l2_norm", POME__IOS15, "x=fp32[0, 1, 2]{}", "fp32[0, 1, 2]{}", 0},
      {"local_response_norm", POME__IOS15, "x=fp32[0, 1, 2]{}; size=1", "fp32[0, 1, 2]{}", 0},
      {"softmax", POME__IOS15, "x=fp32[2, 0]{}", "fp32[2, 0]{}", 0},
      {"softmax", POME__IOS15, "x=fp32[0, 2]{}", "fp32[0, 2]{}", 0},
      {"prelu", POME__IOS15, "x=fp32[1, 2, 0]{}; alpha=fp32[2]{1, 1}", "fp32[1, 2, 0]{}", 0},
      {"softplus_parametric", POME__IOS15,
       "x=fp32[1, 2, 0]{}; alpha=fp32[2]{1, 1}; beta=fp32[2]{1, 1}", "fp32[1, 2, 0]{}", 0},
      {"scaled_dot_product_attention", POME__IOS18,
       "query=fp32[1, 0, 2]{}; key=fp32[1, 2, 2]{0*4}; value=fp32[1, 2, 2]{0*4}", "fp32[1, 0, 2]{}",
       0},
      {"rnn", POME__IOS15,
       "x=fp32[1, 0, 1]{}; initial_h=fp32[0, 1]{}; weight_ih=fp32[1, 1]{1}; weight_hh=fp32[1, "
       "1]{1}",
       "fp32[1, 0, 1]{}; fp32[0, 1]{}", 0},
      {"gru", POME__IOS15,
       "x=fp32[1, 0, 1]{}; initial_h=fp32[0, 1]{}; weight_ih=fp32[3, 1]{1, 1, 1}; "
       "weight_hh=fp32[3, 1]{1, 1, 1}",
       "fp32[1, 0, 1]{}; fp32[0, 1]{}", 0},
      {"lstm", POME__IOS15,
       "x=fp32[1, 0, 1]{}; initial_h=fp32[0, 1]{}; initial_c=fp32[0, 1]{}; weight_ih=fp32[4, "
       "1]{1*4}; weight_hh=fp32[4, 1]{1*4}",
       "fp32[1, 0, 1]{}; fp32[0, 1]{}; fp32[0, 1]{}", 0},
      {"rnn", POME__IOS15,
       "x=fp32[0, 1, 1]{}; initial_h=fp32[1, 1]{3}; weight_ih=fp32[1, 1]{1}; weight_hh=fp32[1, "
       "1]{1}; output_sequence=true",
       "fp32[0, 1, 1]{}; fp32[1, 1]{3}", 0},
  };
  OP_CASES_RUN(cases);
}

static void moves_of_nothing(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"argsort", POME__IOS15, "x=fp32[2, 0]{}", "int32[2, 0]{}", 0},
      {"band_part", POME__IOS15, "x=fp32[0, 2]{}", "fp32[0, 2]{}", 0},
      {"concat", POME__IOS15, "values=(fp32[0]{}, fp32[2]{1, 2}, fp32[0]{}); axis=0",
       "fp32[2]{1, 2}", 0},
      {"concat", POME__IOS15, "values=(fp32[2, 0]{}, fp32[2, 0]{}); axis=0", "fp32[4, 0]{}", 0},
      {"cumsum", POME__IOS15, "x=fp32[0]{}", "fp32[0]{}", 0},
      {"expand_dims", POME__IOS15, "x=fp32[0]{}; axes=int32[1]{1}", "fp32[0, 1]{}", 0},
      {"fill", POME__IOS15, "shape=int32[2]{2, 0}; value=fp32[]{1}", "fp32[2, 0]{}", 0},
      {"fill_like", POME__IOS16, "ref_tensor=fp32[0]{}; value=fp32[]{1}", "fp32[0]{}", 0},
      {"flatten2d", POME__IOS15, "x=fp32[2, 0, 3]{}", "fp32[2, 0]{}", 0},
      {"gather", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[0]{}", "fp32[0]{}", 0},
      {"gather", POME__IOS17, "x=fp32[3, 0]{}; indices=int32[2]{0, 1}", "fp32[2, 0]{}", 0},
      {"gather_along_axis", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[0]{}", "fp32[0]{}", 0},
      {"gather_nd", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[0, 1]{}", "fp32[0]{}", 0},
      {"non_zero", POME__IOS15, "x=fp32[2]{0, 0}", "int32[0, 1]{}", 0},
      {"non_zero", POME__IOS15, "x=fp32[2, 0]{}", "int32[0, 2]{}", 0},
      {"one_hot", POME__IOS15, "indices=int32[0]{}; one_hot_vector_size=3", "int32[0, 3]{}", 0},
      {"pad", POME__IOS15, "x=fp32[0]{}; pad=int32[2]{1, 1}; constant_val=fp32[]{5}",
       "fp32[2]{5, 5}", 0},
      {"pad", POME__IOS15, "x=fp32[2, 0]{}; pad=int32[2]{1, 0}; mode=\"replicate\"", "error: ", 0},
      {"range_1d", POME__IOS15, "end=int32[]{1}; start=int32[]{1}; step=int32[]{1}", "int32[0]{}",
       0},
      {"reshape", POME__IOS15, "x=fp32[2, 0]{}; shape=const int32[2]{0, 0}", "fp32[2, 0]{}", 0},
      {"reverse_sequence", POME__IOS15,
       "x=fp32[0, 2]{}; lengths=int32[0]{}; seq_axis=1; batch_axis=0", "fp32[0, 2]{}", 0},
      {"scatter", POME__IOS17,
       "data=fp32[2]{1, 2}; indices=int32[0]{}; updates=fp32[0]{}; mode=\"update\"",
       "fp32[2]{1, 2}", 0},
      {"scatter_along_axis", POME__IOS17,
       "data=fp32[2]{1, 2}; indices=int32[0]{}; updates=fp32[0]{}", "fp32[2]{1, 2}", 0},
      {"scatter_nd", POME__IOS17, "data=fp32[2]{1, 2}; indices=int32[0, 1]{}; updates=fp32[0]{}",
       "fp32[2]{1, 2}", 0},
      {"select", POME__IOS15, "cond=bool[0]{}; a=fp32[0]{}; b=fp32[0]{}", "fp32[0]{}", 0},
      {"shape", POME__IOS15, "x=fp32[2, 0]{}", "int32[2]{2, 0}", 0},
      {"slice_by_index", POME__IOS15, "x=fp32[3]{1, 2, 3}; begin=int32[1]{2}; end=int32[1]{2}",
       "fp32[0]{}", 0},
      {"slice_by_size", POME__IOS15, "x=fp32[3]{1, 2, 3}; begin=int32[1]{2}; size=int32[1]{0}",
       "fp32[0]{}", 0},
      {"slice_update", POME__IOS18,
       "x=fp32[3]{1, 2, 3}; update=fp32[0]{}; begin=int32[1]{2}; end=int32[1]{2}",
       "fp32[3]{1, 2, 3}", 0},
      {"split", POME__IOS15, "x=fp32[2]{1, 2}; split_sizes=int32[2]{0, 2}; axis=0",
       "fp32[0]{}; fp32[2]{1, 2}", 0},
      {"squeeze", POME__IOS15, "x=fp32[1, 0]{}; axes=int32[1]{0}", "fp32[0]{}", 0},
      {"stack", POME__IOS15, "values=(fp32[0]{}, fp32[0]{}); axis=0", "fp32[2, 0]{}", 0},
      {"tile", POME__IOS15, "x=fp32[0, 2]{}; reps=int32[2]{3, 2}", "fp32[0, 4]{}", 0},
      {"topk", POME__IOS16, "x=fp32[0, 3]{}; k=2", "fp32[0, 2]{}; int32[0, 2]{}", 0},
      {"transpose", POME__IOS15, "x=fp32[2, 0]{}; perm=int32[2]{1, 0}", "fp32[0, 2]{}", 0},
      {"quantize", POME__IOS17, "input=fp32[0]{}; scale=fp32[]{1}; output_dtype=\"int8\"",
       "int8[0]{}", 0},
      {"dequantize", POME__IOS17, "input=int8[0]{}; scale=fp32[]{1}", "fp32[0]{}", 0},
      {"random_uniform", POME__IOS15, "shape=int32[1]{0}; low=fp32[]{0}", "fp32[0]{}", 0},
      {"random_categorical", POME__IOS15, "x=fp32[0, 2]{}", "fp32[0, 1]{}", 0},
      {"depth_to_space", POME__IOS15, "x=fp32[0, 4, 1, 1]{}; block_size=2", "fp32[0, 1, 2, 2]{}",
       0},
      {"space_to_depth", POME__IOS15, "x=fp32[0, 1, 2, 2]{}; block_size=2", "fp32[0, 4, 1, 1]{}",
       0},
      {"pixel_shuffle", POME__IOS15, "x=fp32[0, 4, 1, 1]{}; upscale_factor=2", "fp32[0, 1, 2, 2]{}",
       0},
      {"upsample_nearest_neighbor", POME__IOS15, "x=fp32[0, 1, 2]{}; scale_factor_width=2",
       "fp32[0, 1, 4]{}", 0},
      {"upsample_bilinear", POME__IOS15, "x=fp32[0, 1, 2]{}; scale_factor_width=2",
       "fp32[0, 1, 4]{}", 0},
      {"crop", POME__IOS15,
       "x=fp32[0, 1, 2, 2]{}; crop_height=int32[2]{0, 1}; crop_width=int32[2]{0, 1}",
       "fp32[0, 1, 1, 1]{}", 0},
      {"sliding_windows", POME__IOS15, "x=fp32[3, 0]{}; axis=0; size=2", "fp32[2, 2, 0]{}", 0},
      {"random_normal", POME__IOS15, "shape=int32[2]{2, 0}; mean=fp32[]{0}", "fp32[2, 0]{}", 0},
      {"random_bernoulli", POME__IOS15, "shape=int32[2]{2, 0}; prob=fp32[]{0}", "fp32[2, 0]{}", 0},
      {"batch_to_space", POME__IOS15,
       "x=fp32[4, 0, 1, 1]{}; block_shape=int32[2]{2, 2}; crops=int32[2, 2]{0*4}",
       "fp32[1, 0, 2, 2]{}", 0},
      {"space_to_batch", POME__IOS15,
       "x=fp32[1, 0, 2, 2]{}; block_shape=int32[2]{2, 2}; paddings=int32[2, 2]{0*4}",
       "fp32[4, 0, 1, 1]{}", 0},
      {"pixel_unshuffle", POME__IOS16, "x=fp32[0, 1, 2, 2]{}; downscale_factor=uint32[]{2}",
       "fp32[0, 4, 1, 1]{}", 0},
      {"reshape_like", POME__IOS16,
       "x=fp32[0]{}; ref_tensors=(fp32[2, 0]{}); begins=(const int32[]{0}); ends=(const "
       "int32[]{2}); end_masks=(const bool[]{0})",
       "fp32[2, 0]{}", 0},
      {"resize_bilinear", POME__IOS15, "x=fp32[0, 1, 2]{}; target_size_width=4", "fp32[0, 1, 4]{}",
       0},
      {"resize_nearest_neighbor", POME__IOS15,
       "x=fp32[0, 1, 2]{}; target_size_height=1; target_size_width=4", "fp32[0, 1, 4]{}", 0},
      {"resize", POME__IOS17, "x=fp32[0, 2]{}; shape=int32[1]{4}; resized_dims=uint32[]{1}",
       "fp32[0, 4]{}", 0},
      {"crop_resize", POME__IOS17,
       "x=fp32[1, 1, 2, 2]{1..4}; boxes=fp32[0, 4]{}; box_indices=int32[0]{}", "fp32[0, 1, 1, 1]{}",
       0},
      {"resample", POME__IOS15,
       "x=fp32[0, 1, 2, 2]{}; coordinates=fp32[0, 1, 2, 2]{}; sampling_mode=\"nearest\"; "
       "padding_mode=\"constant\"; padding_value=0.0; coordinates_mode=\"unnormalized\"; "
       "align_corners=true",
       "fp32[0, 1, 1, 2]{}", 0},
      {"affine", POME__IOS15,
       "x=fp32[0, 1, 2, 2]{}; transform_matrix=fp32[0, 6]{}; output_height=2; output_width=2; "
       "sampling_mode=\"bilinear\"; padding_mode=\"constant\"; padding_value=0.0; "
       "coordinates_mode=\"normalized_minus_one_to_one\"; align_corners=true",
       "fp32[0, 1, 2, 2]{}", 0},
      {"non_maximum_suppression", POME__IOS17,
       "boxes=fp32[0, 4, 2]{}; scores=fp32[0, 1, 2]{}; iou_threshold=0.5; max_boxes=1",
       "fp32[0, 4, 1]{}; fp32[0, 1, 1]{}; int32[0, 1]{}", 0},
  };
  OP_CASES_RUN(cases);
}

static void rank_0(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"logical_not", POME__IOS15, "x=bool[]{1}", "bool[]{0}", 0},
      {"cast", POME__IOS15, "x=int32[]{7}; dtype=\"fp16\"", "fp16[]{7}", 0},
      {"concat", POME__IOS15, "values=(fp32[]{1}, fp32[]{2}); axis=0", "fp32[2]{1, 2}", 0},
      {"expand_dims", POME__IOS15, "x=fp32[]{3}; axes=int32[1]{0}", "fp32[1]{3}", 0},
      {"expand_dims", POME__IOS15, "x=fp32[]{3}; axes=int32[2]{0, 1}", "fp32[1, 1]{3}", 0},
      {"fill_like", POME__IOS16, "ref_tensor=fp32[]{3}; value=int32[]{4}", "int32[]{4}", 0},
      {"gather", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[]{2}", "fp32[]{3}", 0},
      {"identity", POME__IOS15, "x=bool[]{1}", "bool[]{1}", 0},
      {"one_hot", POME__IOS15, "indices=int32[]{1}; one_hot_vector_size=3", "int32[3]{0, 1, 0}", 0},
      {"quantize", POME__IOS17, "input=fp32[]{3}; scale=fp32[]{2}; output_dtype=\"int8\"",
       "int8[]{2}", 0},
      {"dequantize", POME__IOS17, "input=int8[]{3}; scale=fp32[]{2}", "fp32[]{6}", 0},
      {"reduce_argmax", POME__IOS15, "x=fp32[3]{1, 3, 2}; axis=0", "int32[]{1}", 0},
      {"reshape", POME__IOS15, "x=fp32[]{3}; shape=const int32[2]{1, 1}", "fp32[1, 1]{3}", 0},
      {"select", POME__IOS15, "cond=bool[]{1}; a=fp32[]{1}; b=fp32[]{2}", "fp32[]{1}", 0},
      {"select", POME__IOS15, "cond=bool[]{0}; a=fp32[2]{1, 1}; b=fp32[2]{2, 3}", "fp32[2]{2, 3}",
       0},
      {"shape", POME__IOS15, "x=fp32[]{3}", "int32[0]{}", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[3]{1, 2, 3}; begin=int32[1]{1}; end=int32[1]{0}; squeeze_mask=bool[1]{1}",
       "fp32[]{2}", 0},
      {"squeeze", POME__IOS15, "x=fp32[1, 1]{3}", "fp32[]{3}", 0},
      {"stack", POME__IOS15, "values=(fp32[]{1}, fp32[]{2}); axis=0", "fp32[2]{1, 2}", 0},
      {"constexpr_cast", POME__IOS16, "source_val=fp16[]{3}; output_dtype=\"fp32\"", "fp32[]{3}",
       0},
      {"softmax", POME__IOS15, "x=fp32[]{3}", "error: axis", 0},
  };
  OP_CASES_RUN(cases);
}

/* ---- extreme numbers ---- */

/* Calls of one operand as program text. */
static const char *const far_calls[] = {
    "abs(x = x)",
    "acos(x = x)",
    "asin(x = x)",
    "atan(x = x)",
    "atanh(x = x)",
    "ceil(x = x)",
    "clip(x = x, alpha = fp32(-2), beta = fp32(3))",
    "cos(x = x)",
    "cosh(x = x)",
    "erf(x = x)",
    "exp(x = x)",
    "exp2(x = x)",
    "floor(x = x)",
    "inverse(x = x, epsilon = fp32(0))",
    "log(x = x, epsilon = fp32(0))",
    "round(x = x)",
    "rsqrt(x = x, epsilon = fp32(0))",
    "sign(x = x)",
    "sin(x = x)",
    "sinh(x = x)",
    "sqrt(x = x)",
    "square(x = x)",
    "tan(x = x)",
    "tanh(x = x)",
    "threshold(x = x, alpha = fp32(0.5))",
    "clamped_relu(x = x, alpha = fp32(0.5), beta = fp32(4))",
    "elu(x = x, alpha = fp32(1))",
    "gelu(x = x, mode = string(\"EXACT\"))",
    "gelu(x = x, mode = string(\"TANH_APPROXIMATION\"))",
    "gelu(x = x, mode = string(\"SIGMOID_APPROXIMATION\"))",
    "leaky_relu(x = x, alpha = fp32(0.5))",
    "linear_activation(x = x, alpha = fp32(2), beta = fp32(1))",
    "relu(x = x)",
    "relu6(x = x)",
    "scaled_tanh(x = x, alpha = fp32(2), beta = fp32(0.5))",
    "sigmoid(x = x)",
    "sigmoid_hard(x = x, alpha = fp32(0.25), beta = fp32(0.5))",
    "silu(x = x)",
    "softplus(x = x)",
    "softsign(x = x)",
    "thresholded_relu(x = x, alpha = fp32(0.5))",
    "softmax(x = x, axis = int32(1))",
    "add(x = x, y = x)",
    "sub(x = x, y = x)",
    "mul(x = x, y = x)",
    "real_div(x = x, y = x)",
    "pow(x = x, y = x)",
    "maximum(x = x, y = fp32(1))",
    "minimum(x = x, y = fp32(1))",
    "reduce_max(x = x, axes = tensor<int32, [1]>([1]), keep_dims = bool(true))",
    "reduce_sum(x = x, axes = tensor<int32, [1]>([1]), keep_dims = bool(true))",
    "reduce_log_sum_exp(x = x, axes = tensor<int32, [1]>([1]), keep_dims = bool(true))",
    "layer_norm(x = x, axes = tensor<int32, [1]>([1]), epsilon = fp32(0.001))",
    "cumsum(x = x, axis = int32(1), exclusive = bool(false), reverse = bool(false))",
};

/* What strict numerics give is right (test_ops_elementwise.c has the numbers); the others, with
 * their own exponentials and kernels, must come near also where functions overflow. */
static void extremes_come_out_as_in_strict(void **state) {
  (void)state;
  static const float x[24] = {0,     -0.0f,  1,      -1,      87,       -87,       89,   -89,
                              104,   -104,   1e-40f, -1e-40f, 1e-30f,   -1e-30f,   1e6f, -1e6f,
                              1e30f, -1e30f, 3e38f,  -3e38f,  INFINITY, -INFINITY, NAN,  0.5f};
  const input inputs[] = {{"x", POME_FP32, 2, {24, 1}, x}, {0}};
  for (size_t c = 0; c < COUNT(far_calls); c++) {
    char text[512];
    float want[MOST], got[MOST];
    snprintf(text, sizeof text,
             "func main<ios17>(tensor<fp32, [24, 1]> x) {"
             "  tensor<fp32, [24, 1]> y = %s[name = string(\"y\")];} -> (y);",
             far_calls[c]);
    for (size_t how = 0; how < MODES; how++) {
      pome_error error;
      pome_tensor shape;
      text_model m = mode_make(text, &modes[how], NULL, 0);
      mode_set(&m, inputs);
      check_ok(pome_run_predict(m.run, NULL, &error), &error);
      mode_result(&m, "y", how == 0 ? want : got, &shape);
      if (how > 0) check_near(far_calls[c], modes[how].name, got, want, 24, 4e-6f);
      free_text_model(&m);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(maps_take_both),
      cmocka_unit_test(pairs_take_both),
      cmocka_unit_test(reductions_of_nothing),
      cmocka_unit_test(products_of_nothing),
      cmocka_unit_test(moves_of_nothing),
      cmocka_unit_test(rank_0),
      cmocka_unit_test(extremes_come_out_as_in_strict),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
