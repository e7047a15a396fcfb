/* Op cases of generalized_linear. Expected numbers come from Python's math and SciPy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

#define TWO_ROWS "values=(fp64[2]{1, -2}, int64[]{3}); weights=fp64[2, 3]{1, 2, 3, 0, 0.5, 0.25}; "
#define ONE_ROW  "values=(fp64[1]{2}); weights=fp64[1, 1]{0.5}; "

static void test_generalized_linear(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"generalized_linear", POME__IOS13, TWO_ROWS "offset=fp64[2]{0.5, -1}", "fp64[2]{6.5, -1.25}",
       0},
      {"generalized_linear", POME__IOS13, TWO_ROWS "offset=fp64[2]{0, 0}; link=\"logit\"",
       "fp64[2]{0.9975273768433653, 0.43782349911420193}", 1e-15},
      {"generalized_linear", POME__IOS13, TWO_ROWS "offset=fp64[2]{0, 0}; link=\"probit\"",
       "fp64[2]{0.9999999990134123, 0.4012936743170763}", 1e-15},
      {"generalized_linear", POME__IOS13,
       "values=(fp32[0]{}); weights=fp64[1, 0]{}; offset=fp64[1]{-inf}; link=\"logit\"",
       "fp64[1]{0}", 0},
      {"generalized_linear", POME__IOS13,
       "values=(fp16[300]{2*300}); weights=fp64[1, 300]{1..300}; offset=fp64[1]{1}",
       "fp64[1]{90301}", 0},
      {"generalized_linear", POME__IOS13,
       "values=(fp64[1]{nan}); weights=fp64[1, 1]{1}; "
       "offset=fp64[1]{1}",
       "fp64[1]{nan}", 0},
      {"generalized_linear", POME__IOS13,
       ONE_ROW "offset=fp64[1]{0}; link=\"logit\"; classes=\"reference\"",
       "fp64[2]{0.2689414213699951, 0.7310585786300049}", 1e-15},
      {"generalized_linear", POME__IOS13,
       ONE_ROW "offset=fp64[1]{0}; link=\"probit\"; classes=\"one_vs_rest\"",
       "fp64[2]{0.15865525393145707, 0.8413447460685429}", 1e-15},
      {"generalized_linear", POME__IOS13,
       TWO_ROWS "offset=fp64[2]{-6, 0}; link=\"logit\"; classes=\"reference\"",
       "fp64[3]{0.35986746732333263, 0.35986746732333263, 0.2802650653533347}", 1e-15},
      {"generalized_linear", POME__IOS13,
       TWO_ROWS "offset=fp64[2]{1000, -2000}; link=\"logit\"; classes=\"reference\"",
       "fp64[3]{0, 1, 0}", 0},
      {"generalized_linear", POME__IOS13,
       "values=(fp64[1]{1}); weights=fp64[3, 1]{-800, -800, -800}; offset=fp64[3]{0, 0, 0}; "
       "link=\"logit\"; classes=\"one_vs_rest\"",
       "fp64[3]{0.3333333333333333*3}", 1e-15},
      {"generalized_linear", POME__IOS13,
       "values=(fp64[1]{1}); weights=fp64[2, 1]{0, 0}; offset=fp64[2]{0, 1}; link=\"logit\"; "
       "classes=\"one_vs_rest\"",
       "fp64[2]{0.40615451504869066, 0.5938454849513094}", 1e-15},
      {"generalized_linear", POME__IOS13, TWO_ROWS "offset=fp64[1]{0}",
       "error: the number of offsets is 1, but the number of rows is 2", 0},
      {"generalized_linear", POME__IOS13, ONE_ROW "offset=fp64[1]{0}; classes=\"reference\"",
       "error: classes need link", 0},
      {"generalized_linear", POME__IOS13,
       TWO_ROWS "offset=fp64[2]{0, 0}; link=\"probit\"; classes=\"reference\"",
       "error: are for 2 classes, not 3", 0},
      {"generalized_linear", POME__IOS13, ONE_ROW "offset=fp64[1]{0}; link=\"log\"",
       "error: parameter 'link' is \"log\"; allowed: \"identity\", \"logit\", \"probit\"", 0},
      {"generalized_linear", POME__IOS13,
       "values=(fp64[1]{2}); weights=fp64[0, 1]{}; offset=fp64[0]{}", "error: weights have no row",
       0},
      {"generalized_linear", POME__IOS13,
       "values=(fp64[3]{1, 2, 3}); weights=fp64[1, 2]{1, 2}; offset=fp64[1]{0}",
       "error: the number of features is 3, but the size of a row of weights is 2", 0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_generalized_linear)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
