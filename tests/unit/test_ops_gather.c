/* Op cases of gathers and scatters. Expected numbers come from numpy, or were worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

static void test_gather(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"gather", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[2,2]{2, 0, -1, 1}; axis=1",
       "fp32[2,2,2,2]{4, 5, 0, 1, 4, 5, 2, 3, 10, 11, 6, 7, 10, 11, 8, 9}", 0},
      {"gather", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[]{1}",
       "fp32[3,2]{6, 7, 8, 9, 10, 11}", 0},
      {"gather", POME__IOS16,
       "x=fp32[2,3,2]{0..11}; indices=uint16[2,2]{0, 2, 1, 1}; axis=1; batch_dims=1",
       "fp32[2,2,2]{0, 1, 4, 5, 8, 9, 8, 9}", 0},
      {"gather", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[1]{3}; axis=1",
       "error: indices[0] is 3; allowed: -3 to 2", 0},
      {"gather", POME__IOS17, "x=fp32[2,3,2]{0..11}; indices=int32[2]{-5, 9}; axis=1",
       "fp32[2,2,2]{0, 1, 4, 5, 6, 7, 10, 11}", 0},
      {"gather", POME__IOS17,
       "x=fp32[2,3,2]{0..11}; indices=int32[2]{0, -1}; axis=1; validate_indices=true",
       "error: indices[1] is -1; allowed: 0 to 2", 0},
      {"gather", POME__IOS15, "x=fp32[0,2]{}; indices=int32[1]{0}", "error: allowed: 0 to -1", 0},
      {"gather", POME__IOS17, "x=fp32[0,2]{}; indices=int32[1]{0}", "error: nothing to take", 0},
      {"gather", POME__IOS16, "x=fp32[2,3,2]{0..11}; indices=int32[2]{0, 1}; axis=0; batch_dims=1",
       "error: batch_dims is 1", 0},
      {"gather_along_axis", POME__IOS15,
       "x=int32[2,3]{1..6}; indices=int32[2,2]{2, -3, 1, 1}; axis=1", "int32[2,2]{3, 1, 5, 5}", 0},
      {"gather_along_axis", POME__IOS17, "x=int8[2,3]{1..6}; indices=int8[1,3]{1, 0, 7}; axis=0",
       "int8[1,3]{4, 2, 6}", 0},
      {"gather_along_axis", POME__IOS15, "x=int32[2,3]{1..6}; indices=int32[3,2]{0*6}; axis=1",
       "error: a dimension of x is 2", 0},
      {"gather_nd", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[2,2]{1, 2, 0, -1}",
       "fp32[2,2]{10, 11, 4, 5}", 0},
      {"gather_nd", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[1,3]{1, 2, 0}", "fp32[1]{10}",
       0},
      {"gather_nd", POME__IOS16, "x=fp32[2,3,2]{0..11}; indices=int32[2,1,1]{2, 1}; batch_dims=1",
       "fp32[2,1,2]{4, 5, 8, 9}", 0},
      {"gather_nd", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[1,2]{2, 0}",
       "error: indices[0] is 2", 0},
      {"gather_nd", POME__IOS15, "x=fp32[2,3,2]{0..11}; indices=int32[1,4]{0, 0, 0, 0}",
       "error: has only 3 dimensions to index", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_scatter(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"scatter", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[2]{1, 0}; updates=fp32[2,3]{5..10}",
       "fp32[2,3]{9, 11, 13, 9, 11, 13}", 0},
      {"scatter", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[2]{-1, 0}; updates=fp32[2,2]{10, 20, 30, 40}; axis=1; "
       "mode=\"update\"",
       "fp32[2,3]{20, 2, 10, 40, 5, 30}", 0},
      {"scatter", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[1]{2}; updates=fp32[1,3]{1, 1, 1}",
       "error: indices[0] is 2", 0},
      {"scatter", POME__IOS17,
       "data=fp32[2,3]{1..6}; indices=int32[2]{2, 0}; updates=fp32[2,3]{1*6}; mode=\"sub\"",
       "fp32[2,3]{0, 1, 2, 4, 5, 6}", 0},
      {"scatter", POME__IOS17,
       "data=fp32[2,3]{1..6}; indices=int32[1]{-1}; updates=fp32[1,3]{1, 1, 1}; "
       "validate_indices=true",
       "error: indices[0] is -1", 0},
      {"scatter", POME__IOS15, "data=fp32[2,3]{1..6}; indices=int32[1]{0}; updates=fp32[2,3]{1*6}",
       "error: 'updates' has shape [2, 3]; it must be [1, 3]", 0},
      {"scatter", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[1]{0}; updates=fp32[1,3]{1, 1, 1}; mode=\"xor\"",
       "error: allowed: \"update\"", 0},
      {"scatter", POME__IOS15,
       "data=int32[3]{7, 7, 7}; indices=int32[4]{0, 1, 2, 2}; updates=int32[4]{2, 0, -1, 2}; "
       "mode=\"div\"",
       "int32[3]{3, 0, -3}", 0},
      {"scatter_along_axis", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[2,1]{2, 0}; updates=fp32[2,1]{10, 20}; axis=1; "
       "mode=\"mul\"",
       "fp32[2,3]{1, 2, 30, 80, 5, 6}", 0},
      {"scatter_along_axis", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[2,3]{0, 0, 1, 0, 1, 1}; updates=fp32[2,3]{10..15}; "
       "axis=0; mode=\"max\"",
       "fp32[2,3]{13, 11, 3, 4, 14, 15}", 0},
      {"scatter_nd", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[2,2]{0, 1, 1, -1}; updates=fp32[2]{10, 20}",
       "fp32[2,3]{1, 12, 3, 4, 5, 26}", 0},
      {"scatter_nd", POME__IOS17,
       "data=fp32[2,3]{1..6}; indices=int32[2,1]{1, 5}; updates=fp32[2,3]{0, 0, 9, 1, 1, 1}; "
       "mode=\"min\"",
       "fp32[2,3]{1, 2, 3, 0, 0, 6}", 0},
      {"scatter_nd", POME__IOS15,
       "data=fp32[2,3]{1..6}; indices=int32[1,1]{2}; updates=fp32[1,3]{1, 1, 1}; mode=\"update\"",
       "error: indices[0] is 2", 0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gather),
      cmocka_unit_test(test_scatter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
