/* Op cases of compressed constants and of quantization. Expected numbers come from the definitions,
 * worked out with numpy; packed bytes by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

static void test_affine(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"constexpr_affine_dequantize", POME__IOS16,
       "quantized_data=uint8[2,2]{0, 10, 128, 255}; zero_point=uint8[]{10}; scale=fp32[]{0.5}; "
       "axis=0",
       "fp32[2,2]{-5, 0, 59, 122.5}", 0},
      {"constexpr_affine_dequantize", POME__IOS16,
       "quantized_data=int8[2,3]{-128, 0, 127, 1, 2, 3}; zero_point=int8[2]{-1, 1}; "
       "scale=fp16[2]{2, 0.25}; axis=0",
       "fp16[2,3]{-254, 2, 256, 0, 0.25, 0.5}", 0},
      {"constexpr_affine_dequantize", POME__IOS16,
       "quantized_data=int8[2,3]{1..6}; zero_point=fp32[]{0.5}; scale=fp32[3]{1, 10, 100}; axis=-1",
       "fp32[2,3]{0.5, 15, 250, 3.5, 45, 550}", 0},
      {"constexpr_affine_dequantize", POME__IOS16,
       "quantized_data=int8[2,3]{1..6}; zero_point=int8[]{0}; scale=fp32[2]{1, 2}; axis=1",
       "error: 'scale' has 2 elements", 0},
      {"constexpr_affine_dequantize", POME__IOS16,
       "quantized_data=int8[2,3]{1..6}; zero_point=int8[]{0}; scale=fp32[]{1}; axis=2",
       "error: parameter 'axis' is 2", 0},
      {"constexpr_affine_dequantize", POME__IOS15,
       "quantized_data=const int8[1]{1}; zero_point=const int8[]{0}; scale=const fp32[]{1}; "
       "axis=const int32[]{0}",
       "unsupported: exists from opset CoreML6 on; function 'main' declares CoreML5", 0},
      {"constexpr_cast", POME__IOS16,
       "source_val=fp16[2]{0.1, 5.9604645e-08}; output_dtype=\"fp32\"",
       "fp32[2]{0.0999755859, 5.9604645e-08}", 1e-12},
      {"constexpr_cast", POME__IOS18, "source_val=fp16[]{3}; output_dtype=\"fp32\"", "fp32[]{3}",
       0},
      {"constexpr_cast", POME__IOS18, "source_val=fp16[]{3}; output_dtype=\"int32\"",
       "error: allowed: fp32", 0},
  };
  OP_CASES_RUN(cases);
}

/* 2 bits: 0, 3, 1, 2 | 3; 6 bits: 1 + 62 * 64 + 33 * 4096 = 0x021f81. */
static void test_palettes(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[2]{156, 3}; lut=fp32[4]{10, 11, 12, 13}; shape=uint32[1]{5}",
       "fp32[5]{10, 13, 11, 12, 13}", 0},
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[3]{129, 31, 2}; lut=fp16[64]{0..63}; shape=uint32[2]{3, 1}",
       "fp16[3,1]{1, 62, 33}", 0},
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[2]{255, 7}; lut=int8[256]{-128..127}; shape=uint32[2]{1, 2}",
       "int8[1,2]{127, -121}", 0},
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[1]{1}; lut=uint8[2]{7, 9}; shape=uint32[1]{3}", "uint8[3]{9, 7, 7}", 0},
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[2]{1, 2}; lut=uint8[2]{7, 9}; shape=uint32[1]{3}",
       "error: 'indices' has 2 bytes; the shape needs 1", 0},
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[2]{1, 2}; lut=fp32[3]{7, 9, 8}; shape=uint32[1]{3}",
       "error: lut must have 2, 4, 16, 64 or 256 entries", 0},
      {"constexpr_lut_to_dense", POME__IOS16,
       "indices=uint8[2]{1, 2}; lut=fp32[2]{7, 9}; shape=uint32[3]{4294967295, 4294967295, "
       "4294967295}",
       "error: shape is negative or too large", 0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint2[2,4]{0, 1, 2, 3, 3, 2, 1, 0}; lut=fp32[2,1,4,1]{1..8}",
       "fp32[2,4]{1, 2, 3, 4, 8, 7, 6, 5}", 0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint2[2,4]{0, 1, 2, 3, 3, 2, 1, 0}; lut=fp16[1,2,4,1]{0, 10, 20, 30, 40, 50, 60, "
       "70}",
       "fp16[2,4]{0, 10, 60, 70, 30, 20, 50, 40}", 0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint2[2,4]{0, 1, 2, 3, 3, 2, 1, 0}; lut=fp32[2,1,4,2]{0..15}; vector_axis=0",
       "fp32[4,4]{0, 2, 4, 6, 1, 3, 5, 7, 14, 12, 10, 8, 15, 13, 11, 9}", 0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint2[2,4]{0, 1, 2, 3, 3, 2, 1, 0}; lut=fp32[2,1,4,2]{0..15}; vector_axis=-1",
       "fp32[2,8]{0..7, 14, 15, 12, 13, 10, 11, 8, 9}", 0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint1[2,3,2]{0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0}; lut=int8[2,3,1,2,3]{0..35}; "
       "vector_axis=0",
       "int8[6,3,2]{0, 3, 6, 9, 12, 15, 1, 4, 7, 10, 13, 16, 2, 5, 8, 11, 14, 17, 21, 18, 27, 24, "
       "33, 30, 22, 19, 28, 25, "
       "34, 31, 23, 20, 29, 26, 35, 32}",
       0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint1[2,3,2]{0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0}; lut=fp16[2,3,1,2,3]{0..35}; "
       "vector_axis=1",
       "fp16[2,9,2]{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11, 12, 15, 13, 16, 14, 17, 21, 18, 22, 19, "
       "23, 20, 27, 24, 28, 25, "
       "29, 26, 33, 30, 34, 31, 35, 32}",
       0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint1[2,3,2]{0, 1, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0}; lut=fp32[2,3,1,2,3]{0..35}; "
       "vector_axis=2",
       "fp32[2,3,6]{0..17, 21, 22, 23, 18, 19, 20, 27, 28, 29, 24, 25, 26, 33, 34, 35, 30, 31, 32}",
       0},
      {"constexpr_lut_to_dense", POME__IOS18, "indices=uint3[3]{0, 7, 5}; lut=fp32[1,8,1]{0..7}",
       "fp32[3]{0, 7, 5}", 0},
      {"constexpr_lut_to_dense", POME__IOS18,
       "indices=uint6[1,1100]{33*1100}; lut=fp16[1,1,64,1]{0..63}", "fp16[1,1100]{33*1100}", 0},
      {"constexpr_lut_to_dense", POME__IOS18, "indices=uint2[2,4]{0*8}; lut=fp32[1,1,8,1]{0..7}",
       "error: lut has 8 entries; indices of uint2 need 4", 0},
      {"constexpr_lut_to_dense", POME__IOS18, "indices=uint2[2,4]{0*8}; lut=fp32[1,3,4,1]{0..11}",
       "error: 'lut' has 3 blocks along dimension 1, which do not divide 4", 0},
      {"constexpr_lut_to_dense", POME__IOS18, "indices=uint2[2,4]{0*8}; lut=fp32[1,1,4,2]{0..7}",
       "error: vector_axis is needed", 0},
      {"constexpr_lut_to_dense", POME__IOS18, "indices=uint2[2,4]{0*8}; lut=fp32[4]{0..3}",
       "error: lut has rank 1", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_sparse(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"constexpr_sparse_to_dense", POME__IOS16,
       "nonzero_data=fp32[3]{7, 8, 9}; mask=uint8[1]{13}; shape=uint32[1]{5}",
       "fp32[5]{7, 0, 8, 9, 0}", 0},
      {"constexpr_sparse_to_dense", POME__IOS16,
       "nonzero_data=fp32[2]{7, 8}; mask=uint8[1]{13}; shape=uint32[1]{5}",
       "error: the mask has 3 bits set, and there are 2 values", 0},
      {"constexpr_sparse_to_dense", POME__IOS18,
       "nonzero_data=int4[3]{-8, 7, 1}; mask=uint1[2,3]{0, 1, 0, 1, 1, 0}",
       "int4[2,3]{0, -8, 0, 7, 1, 0}", 0},
      {"constexpr_sparse_to_dense", POME__IOS18,
       "nonzero_data=fp16[2]{1.5, -2}; mask=uint1[700]{1, 0*698, 1}", "fp16[700]{1.5, 0*698, -2}",
       0},
      {"constexpr_sparse_to_dense", POME__IOS18,
       "nonzero_data=fp16[3]{1.5, -2, 3}; mask=uint1[2]{1, 1}", "error: the mask has 2 bits set",
       0},
      {"constexpr_lut_to_sparse", POME__IOS18,
       "indices_mask=uint1[2,3]{1, 0, 1, 0, 1, 1}; indices_nonzero_data=uint2[4]{1, 0, 2, 3}; "
       "lut=fp32[2,3,4,1]{0..23}",
       "uint1[2,3]{1, 0, 1, 0, 1, 1}; fp32[4]{1, 8, 18, 23}", 0},
      {"constexpr_lut_to_sparse", POME__IOS18,
       "indices_mask=uint1[2,3]{1, 0, 1, 0, 1, 1}; indices_nonzero_data=uint2[4]{1, 0, 2, 3}; "
       "lut=fp32[2,1,4,2]{0..15}; "
       "vector_axis=0",
       "uint1[4,3]{1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 1}; fp32[8]{2, 0, 3, 1, 12, 14, 13, 15}", 0},
      {"constexpr_lut_to_sparse", POME__IOS18,
       "indices_mask=uint1[2,3]{1, 0, 1, 0, 1, 1}; indices_nonzero_data=uint2[4]{1, 0, 2, 3}; "
       "lut=fp32[2,1,4,2]{0..15}; "
       "vector_axis=1",
       "uint1[2,6]{1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1}; fp32[8]{2, 3, 0, 1, 12, 13, 14, 15}", 0},
      {"constexpr_lut_to_sparse", POME__IOS18,
       "indices_mask=uint1[2,3]{1, 0, 1, 0, 1, 1}; indices_nonzero_data=uint2[3]{1, 0, 2}; "
       "lut=fp32[1,1,4,1]{0..3}",
       "error*2: the mask has 4 bits set, and there are 3 values", 0},
      {"constexpr_sparse_blockwise_shift_scale", POME__IOS18,
       "data_mask=uint1[4,4]{1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0}; "
       "nonzero_data=uint8[9]{10, 11, 3..9}; "
       "scale=fp32[1,4]{0.1, 0.2, 0.3, 0.4}; offset=uint8[1,4]{1, 2, 3, 4}",
       "uint1[4,4]{1, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 0, 0}; fp32[9]{0.9, 1.8, 0.2, 0.4, "
       "0.6, 0.9, 1.2, 0.7, 1.4}",
       0},
      {"constexpr_sparse_blockwise_shift_scale", POME__IOS18,
       "data_mask=uint1[2,2]{1, 1, 1, 0}; nonzero_data=int4[2]{1, 2}; scale=fp16[1,1]{1}",
       "error*2: the mask has 3 bits set", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_blockwise(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"constexpr_blockwise_shift_scale", POME__IOS18,
       "data=int4[2,8]{-8..7}; scale=fp32[2,2]{0.5, 2, 1, 4}; offset=int4[2,2]{1, -1, 2, 0}",
       "fp32[2,8]{-4.5, -4, -3.5, -3, -6, -4, -2, 0, -2, -1, 0, 1, 16, 20, 24, 28}", 0},
      {"constexpr_blockwise_shift_scale", POME__IOS18,
       "data=uint4[4]{0, 5, 10, 15}; scale=fp16[4]{1, 2, 3, 4}", "fp16[4]{0, 10, 30, 60}", 0},
      {"constexpr_blockwise_shift_scale", POME__IOS18,
       "data=uint8[2,2,2]{0..7}; scale=fp32[1,2,1]{10, 100}; offset=fp32[1,2,1]{0.5, 1}",
       "fp32[2,2,2]{-5, 5, 100, 200, 35, 45, 500, 600}", 0},
      {"constexpr_blockwise_shift_scale", POME__IOS18,
       "data=fp16[1,600]{3*600}; scale=fp16[1,1]{0.5}", "fp16[1,600]{1.5*600}", 0},
      {"constexpr_blockwise_shift_scale", POME__IOS18, "data=int8[2,8]{1*16}; scale=fp32[2,3]{1*6}",
       "error: 'scale' has 3 blocks along dimension 1, which do not divide 8", 0},
      {"constexpr_blockwise_shift_scale", POME__IOS18, "data=int8[2,8]{1*16}; scale=fp32[2]{1*2}",
       "error: scale has rank 1", 0},
      {"constexpr_blockwise_shift_scale", POME__IOS18,
       "data=int8[2]{1*2}; scale=fp32[2]{1*2}; offset=int8[1]{0}",
       "error: offset and scale must have the same shape", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_quantize(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"quantize", POME__IOS17,
       "input=fp32[2,3]{0.9, -1.1, 300, 2.5, 3.5, -300}; zero_point=int8[2]{0, 3}; "
       "scale=fp32[2]{1, 2}; axis=0; "
       "output_dtype=\"int8\"",
       "int8[2,3]{1, -1, 127, 4, 5, -128}", 0},
      {"quantize", POME__IOS17,
       "input=fp16[6]{0.9, -1.1, 300, 2.5, 3.5, -300}; zero_point=uint8[]{10}; scale=fp16[]{0.5}; "
       "output_dtype=\"uint8\"",
       "uint8[6]{12, 8, 255, 15, 17, 0}", 0},
      {"quantize", POME__IOS17,
       "input=fp32[4]{0.5, 1.5, 2.5, -0.5}; scale=fp32[]{1}; output_dtype=\"int8\"",
       "int8[4]{0, 2, 2, 0}", 0},
      {"quantize", POME__IOS17,
       "input=fp32[1]{0.5}; zero_point=uint8[]{1}; scale=fp32[]{1}; output_dtype=\"int8\"",
       "error: zero_point is uint8 and output_dtype int8", 0},
      {"quantize", POME__IOS17, "input=fp32[2,3]{0*6}; scale=fp32[2]{1, 2}; output_dtype=\"int8\"",
       "error: 'scale' is a vector, so axis must be given", 0},
      {"dequantize", POME__IOS17,
       "input=uint8[3]{0, 128, 255}; zero_point=uint8[]{128}; scale=fp16[]{0.5}",
       "fp16[3]{-64, 0, 63.5}", 0},
      {"dequantize", POME__IOS17, "input=int8[1,2,2]{1, 2, 3, 4}; scale=fp32[2]{0.5, 2}; axis=-1",
       "fp32[1,2,2]{0.5, 4, 1.5, 8}", 0},
      {"dequantize", POME__IOS17, "input=int8[1,2]{1, 2}; scale=fp32[3]{0.5, 2, 3}; axis=1",
       "error: 'scale' has 3 elements; input has 2 along axis 1", 0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_affine),   cmocka_unit_test(test_palettes),
      cmocka_unit_test(test_sparse),   cmocka_unit_test(test_blockwise),
      cmocka_unit_test(test_quantize),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
