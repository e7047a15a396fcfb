/* Op cases of the reductions. Expected numbers come from numpy in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

#define R "x=fp32[2,3]{1, -2, 3, 0.5, 4, -1}"

static void test_values(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"reduce_sum", POME__IOS15, R "; axes=int32[1]{0}", "fp32[3]{1.5, 2, 2}", 0},
      {"reduce_sum", POME__IOS15, R, "fp32[]{5.5}", 0},
      {"reduce_sum", POME__IOS15, R "; keep_dims=true", "fp32[1,1]{5.5}", 0},
      {"reduce_sum", POME__IOS15, R "; axes=int32[2]{-1, 0}", "fp32[]{5.5}", 0},
      {"reduce_sum", POME__IOS15, "x=int32[3]{2147483647, 1, 5}", "int32[]{-2147483643}", 0},
      {"reduce_sum", POME__IOS15, "x=fp16[3000]{1*3000}", "fp16[]{3000}", 0},
      {"reduce_sum", POME__IOS15, "x=fp32[2,3,2]{0..11}; axes=int32[2]{0, 2}",
       "fp32[3]{14, 22, 30}", 0},
      {"reduce_sum", POME__IOS15, "x=fp32[2,3,2]{0..11}; axes=int32[1]{1}; keep_dims=true",
       "fp32[2,1,2]{6, 9, 24, 27}", 0},
      {"reduce_sum", POME__IOS15, "x=fp32[2,0]{}; axes=int32[1]{1}", "fp32[2]{0, 0}", 0},
      {"reduce_max", POME__IOS15, "x=fp32[130,20]{0..2599}; axes=int32[1]{0}",
       "fp32[20]{2580..2599}", 0},
      {"reduce_sum", POME__IOS15, "x=fp16[130,20]{1*2600}; axes=int32[1]{0}", "fp16[20]{130*20}",
       0},
      {"reduce_mean", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{0.666666667, 1.16666667}", 0},
      {"reduce_mean", POME__IOS15, "x=int32[3]{-1, -1, 0}", "int32[]{0}", 0},
      {"reduce_prod", POME__IOS15, R "; axes=int32[1]{0}", "fp32[3]{0.5, -8, -3}", 0},
      {"reduce_prod", POME__IOS15, "x=int32[2]{65536, 65537}", "int32[]{65536}", 0},
      {"reduce_max", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{3, 4}", 0},
      {"reduce_max", POME__IOS15, "x=fp32[3]{1, nan, 2}", "fp32[]{nan}", 0},
      {"reduce_max", POME__IOS15, "x=int32[2]{-7, -9}", "int32[]{-7}", 0},
      {"reduce_min", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{-2, -1}", 0},
      {"reduce_min", POME__IOS15, "x=fp32[3]{1, inf, nan}", "fp32[]{nan}", 0},
      {"reduce_l1_norm", POME__IOS15, R "; axes=int32[1]{0}", "fp32[3]{1.5, 6, 4}", 0},
      {"reduce_l1_norm", POME__IOS15, "x=int32[2]{-3, 4}", "int32[]{7}", 0},
      {"reduce_l2_norm", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{3.74165739, 4.15331193}", 0},
      {"reduce_l2_norm", POME__IOS15, "x=int32[2]{2, 2}", "int32[]{2}", 0},
      {"reduce_sum_square", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{14, 17.25}", 0},
      {"reduce_log_sum", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{0.693147181, 1.25276297}",
       0},
      {"reduce_log_sum_exp", POME__IOS15, R "; axes=int32[1]{1}", "fp32[2]{3.13284523, 4.03626957}",
       0},
      {"reduce_log_sum_exp", POME__IOS15, R "; axes=int32[1]{0}",
       "fp32[3]{1.47407698, 4.00247569, 3.01814993}", 0},
      {"reduce_log_sum_exp", POME__IOS15, "x=fp32[2]{1000, 1000}", "fp32[]{1000.69315}", 0},
      {"reduce_log_sum_exp", POME__IOS15, "x=fp32[2,2]{-inf, -inf, nan, 1}; axes=int32[1]{1}",
       "fp32[2]{-inf, nan}", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_arguments(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"reduce_argmax", POME__IOS15, R, "int32[2]{2, 1}", 0},
      {"reduce_argmax", POME__IOS15, R "; axis=0; keep_dims=true", "int32[1,3]{0, 1, 0}", 0},
      {"reduce_argmax", POME__IOS15, "x=fp32[5]{1, 3, 3, nan, 9}", "int32[]{3}", 0},
      {"reduce_argmax", POME__IOS15, "x=int32[4]{-5, -3, -3, -9}", "int32[]{1}", 0},
      {"reduce_argmin", POME__IOS15, R, "int32[2]{1, 2}", 0},
      {"reduce_argmin", POME__IOS17, R "; output_dtype=\"uint16\"", "uint16[2]{1, 2}", 0},
      {"reduce_argmax", POME__IOS17, "x=fp32[1,1030]{0..1029}", "int32[1]{1029}", 0},
      {"reduce_argmax", POME__IOS17, R "; output_dtype=\"int8\"", "error: allowed: int32, uint16",
       0},
      {"reduce_argmax", POME__IOS15, R "; output_dtype=\"int32\"",
       "error: has no parameter 'output_dtype'", 0},
      {"reduce_sum", POME__IOS15, R "; axes=int32[1]{2}",
       "error: parameter 'axes' is 2; allowed for rank 2", 0},
      {"reduce_sum", POME__IOS15, R "; axes=int32[2]{1, -1}", "error: names axis 1 twice", 0},
      {"reduce_sum", POME__IOS15, "x=bool[1]{1}", "error: 'x' is of type bool", 0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                     cmocka_unit_test(test_arguments)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
