/* Op cases of the elementwise families. Expected numbers come from numpy in double precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

static void test_unary(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"abs", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{2, 0.75, 0, 0.5, 1.5, 3}", 0},
      {"acos", POME__IOS15, "x=fp32[6]{-1, -0.5, 0, 0.25, 0.75, 1}",
       "fp32[6]{3.14159265, 2.0943951, 1.57079633, 1.31811607, 0.722734248, 0}", 0},
      {"asin", POME__IOS15, "x=fp32[6]{-1, -0.5, 0, 0.25, 0.75, 1}",
       "fp32[6]{-1.57079633, -0.523598776, 0, 0.252680255, 0.848062079, 1.57079633}", 0},
      {"atan", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-1.10714872, -0.643501109, 0, 0.463647609, 0.982793723, 1.24904577}", 0},
      {"atanh", POME__IOS15, "x=fp32[6]{-1, -0.5, 0, 0.25, 0.75, 1}",
       "fp32[6]{-inf, -0.549306144, 0, 0.255412812, 0.972955075, inf}", 0},
      {"ceil", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}", "fp32[6]{-2, -0, 0, 1, 2, 3}",
       0},
      {"cos", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.416146837, 0.731688869, 1, 0.877582562, 0.0707372017, -0.989992497}", 0},
      {"cosh", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{3.76219569, 1.29468328, 1, 1.12762597, 2.35240962, 10.067662}", 0},
      {"erf", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.995322265, -0.711155634, 0, 0.520499878, 0.966105146, 0.99997791}", 0},
      {"exp", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{0.135335283, 0.472366553, 1, 1.64872127, 4.48168907, 20.0855369}", 0},
      {"exp2", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{0.25, 0.594603558, 1, 1.41421356, 2.82842712, 8}", 0},
      {"floor", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}", "fp32[6]{-2, -1, 0, 0, 1, 3}",
       0},
      {"sign", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}", "fp32[6]{-1, -1, 0, 1, 1, 1}",
       0},
      {"sin", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.909297427, -0.68163876, 0, 0.479425539, 0.997494987, 0.141120008}", 0},
      {"sinh", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-3.62686041, -0.822316732, 0, 0.521095305, 2.12927946, 10.0178749}", 0},
      {"sqrt", POME__IOS15, "x=fp32[6]{2, 0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{1.41421356, 0.866025404, 0, 0.707106781, 1.22474487, 1.73205081}", 0},
      {"square", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{4, 0.5625, 0, 0.25, 2.25, 9}", 0},
      {"tan", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{2.18503986, -0.93159646, 0, 0.54630249, 14.1014199, -0.142546543}", 0},
      {"tanh", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.96402758, -0.635148952, 0, 0.462117157, 0.905148254, 0.995054754}", 0},
      {"abs", POME__IOS15, "x=fp16[3]{-65504, nan, -inf}", "fp16[3]{65504, nan, inf}", 0},
      {"abs", POME__IOS15, "x=int32[3]{-5, 7, -2147483648}", "int32[3]{5, 7, -2147483648}", 0},
      {"sign", POME__IOS15, "x=int32[3]{-5, 0, 2147483647}", "int32[3]{-1, 0, 1}", 0},
      {"sign", POME__IOS15, "x=fp32[2]{nan, -inf}", "fp32[2]{nan, -1}", 0},
      {"square", POME__IOS15, "x=int32[3]{-5, 65536, 46341}", "int32[3]{25, 0, -2147479015}", 0},
      {"exp2", POME__IOS15, "x=int32[4]{0, 10, 30, -1}", "int32[4]{1, 1024, 1073741824, 0}", 0},
      {"exp", POME__IOS15, "x=fp16[3]{1, 12, -20}", "fp16[3]{2.71875, inf, 0}", 0},
      {"sqrt", POME__IOS15, "x=fp32[2]{-1, inf}", "fp32[2]{nan, inf}", 0},
      {"round", POME__IOS15, "x=fp32[6]{0.5, 1.5, -0.5, -2.5, 2.4, 2.6}",
       "fp32[6]{0, 2, 0, -2, 2, 3}", 0},
      {"exp", POME__IOS15, "x=fp32[]{0}", "fp32[]{1}", 0},
      {"exp", POME__IOS15, "x=fp32[2,0,3]{}", "fp32[2,0,3]{}", 0},
      {"logical_not", POME__IOS15, "x=bool[3]{1, 0, 1}", "bool[3]{0, 1, 0}", 0},
      {"exp", POME__IOS15, "x=int32[1]{1}", "error: 'x' is of type int32; allowed: fp16, fp32", 0},
      {"square", POME__IOS15, "x=fp32[1030]{2*1030}", "fp32[1030]{4*1030}", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_epsilon_and_bounds(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"log", POME__IOS15, "x=fp32[4]{0.5, 1, 10, 0}",
       "fp32[4]{-0.693147181, 0, 2.30258509, -103.27893}", 0},
      {"log", POME__IOS15, "x=fp16[2]{1, 0}", "fp16[2]{0, -inf}", 0},
      {"log", POME__IOS15, "x=fp32[1]{0}; epsilon=1.0", "fp32[1]{0}", 0},
      {"log", POME__IOS17, "x=fp16[1]{0}; epsilon=fp32[]{1}", "fp16[1]{0}", 0},
      {"log", POME__IOS15, "x=fp32[1]{-1}", "fp32[1]{nan}", 0},
      {"rsqrt", POME__IOS15, "x=fp32[4]{0.25, 2, 10, 0}",
       "fp32[4]{2, 0.707106781, 0.316227766, 1000000}", 0},
      {"rsqrt", POME__IOS17, "x=fp16[2]{4, 0}", "fp16[2]{0.5, inf}", 0},
      {"rsqrt", POME__IOS17, "x=fp32[1]{0}; epsilon=fp32[]{0.25}", "fp32[1]{2}", 0},
      {"inverse", POME__IOS15, "x=fp32[4]{0.25, 2, -10, 0}",
       "fp32[4]{3.99840064, 0.499975001, -0.100001, 10000}", 0},
      {"inverse", POME__IOS17, "x=fp16[2]{0, 2}", "fp16[2]{10000, 0.5}", 0},
      {"inverse", POME__IOS17, "x=fp32[1]{0.5}; epsilon=fp16[]{0}", "fp32[1]{2}", 0},
      {"threshold", POME__IOS15, "x=fp32[4]{-1, 0.5, 3, nan}; alpha=1.0", "fp32[4]{1, 1, 3, nan}",
       0},
      {"threshold", POME__IOS15, "x=int32[3]{-4, 1, 9}; alpha=2", "int32[3]{2, 2, 9}", 0},
      {"clip", POME__IOS15, "x=fp32[5]{-3, -0.5, 0, 7, nan}; alpha=-1.0; beta=1.0",
       "fp32[5]{-1, -0.5, 0, 1, nan}", 0},
      {"clip", POME__IOS15, "x=fp32[2]{-3, 3}; alpha=1.0; beta=-1.0", "fp32[2]{-1, -1}", 0},
      {"clip", POME__IOS17, "x=fp32[2]{-3, 3}; alpha=1.0; beta=-1.0",
       "error: alpha must be less than beta", 0},
      {"clip", POME__IOS15, "x=fp32[2]{-3, 3}; alpha=1.0", "error: argument 'beta' is missing", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_cast(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"cast", POME__IOS15, "x=fp32[4]{-1.9, 1.9, 0.5, -0.5}; dtype=\"int32\"",
       "int32[4]{-1, 1, 0, 0}", 0},
      {"cast", POME__IOS15, "x=fp32[3]{0, -0.25, 3}; dtype=\"bool\"", "bool[3]{0, 1, 1}", 0},
      {"cast", POME__IOS15, "x=int32[3]{0, -2147483648, 3}; dtype=\"bool\"", "bool[3]{0, 1, 1}", 0},
      {"cast", POME__IOS15, "x=int32[3]{2049, 2147483647, -7}; dtype=\"fp16\"",
       "fp16[3]{2048, inf, -7}", 0},
      {"cast", POME__IOS15, "x=fp32[3]{0.1, 65520, 1e-8}; dtype=\"fp16\"",
       "fp16[3]{0.0999755859, inf, 0}", 0},
      {"cast", POME__IOS15, "x=fp16[2]{0.1, 5.9604645e-08}; dtype=\"fp32\"",
       "fp32[2]{0.0999755859, 5.9604645e-08}", 1e-12},
      {"cast", POME__IOS15, "x=bool[2]{1, 0}; dtype=\"fp32\"", "fp32[2]{1, 0}", 0},
      {"cast", POME__IOS15, "x=bool[2]{1, 0}; dtype=\"int32\"", "int32[2]{1, 0}", 0},
      {"cast", POME__IOS17, "x=int32[3]{-1, 200, 127}; dtype=\"int8\"", "int8[3]{-1, -56, 127}", 0},
      {"cast", POME__IOS17, "x=uint16[2]{65535, 3}; dtype=\"int32\"", "int32[2]{65535, 3}", 0},
      {"cast", POME__IOS17, "x=uint8[2,1]{255, 3}; dtype=\"fp16\"", "fp16[2,1]{255, 3}", 0},
      {"cast", POME__IOS15, "x=fp32[1]{1}; dtype=\"int8\"",
       "error: parameter 'dtype' is \"int8\"; allowed: bool, fp16", 0},
      {"cast", POME__IOS15, "x=uint8[1]{1}; dtype=\"int32\"", "error: 'x' is of type uint8", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_arithmetic(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"add", POME__IOS15, "x=fp32[2,3]{0..5}; y=fp32[3]{10, 20, 30}",
       "fp32[2,3]{10, 21, 32, 13, 24, 35}", 0},
      {"add", POME__IOS15, "x=fp32[2,1]{1, 2}; y=fp32[1,3]{10, 20, 30}",
       "fp32[2,3]{11, 21, 31, 12, 22, 32}", 0},
      {"add", POME__IOS15, "x=fp32[]{1}; y=fp32[]{2}", "fp32[]{3}", 0},
      {"add", POME__IOS15, "x=fp32[2,1,2]{0..3}; y=fp32[1,2,1]{10, 20}",
       "fp32[2,2,2]{10, 11, 20, 21, 12, 13, 22, 23}", 0},
      {"add", POME__IOS15, "x=fp16[2]{2048, 65504}; y=fp16[2]{1, 65504}", "fp16[2]{2048, inf}", 0},
      {"add", POME__IOS15, "x=int32[2]{2147483647, 1}; y=int32[1]{1}", "int32[2]{-2147483648, 2}",
       0},
      {"add", POME__IOS15, "x=fp32[0,2]{}; y=fp32[2]{1, 2}", "fp32[0,2]{}", 0},
      {"add", POME__IOS15, "x=fp32[2]{1, 2}; y=fp32[3]{1, 2, 3}",
       "error: shapes [2] and [3] do not broadcast", 0},
      {"add", POME__IOS15, "x=fp32[2]{1, 2}; y=fp16[2]{1, 2}",
       "error: 'y' is of type fp16 and 'x' of type fp32", 0},
      {"add", POME__IOS15, "x=bool[1]{1}; y=bool[1]{1}", "error: 'x' is of type bool", 0},
      {"add", POME__IOS15, "x=fp32[1]{1}; z=fp32[1]{1}",
       "error: has no parameter 'z'; it takes: x, y", 0},
      {"sub", POME__IOS15, "x=int32[2]{-2147483648, 5}; y=int32[2]{1, 7}",
       "int32[2]{2147483647, -2}", 0},
      {"sub", POME__IOS15, "x=fp32[600,2]{3*1200}; y=fp32[600,1]{1*600}", "fp32[600,2]{2*1200}", 0},
      {"mul", POME__IOS15, "x=int32[2]{65536, -3}; y=int32[2]{65536, 4}", "int32[2]{0, -12}", 0},
      {"mul", POME__IOS15, "x=fp32[1]{inf}; y=fp32[1]{0}", "fp32[1]{nan}", 0},
      {"real_div", POME__IOS15, "x=fp32[3]{1, -1, 0}; y=fp32[3]{3, 0, 0}",
       "fp32[3]{0.333333333, -inf, nan}", 0},
      {"real_div", POME__IOS15, "x=int32[5]{7, -7, 7, 1, -2147483648}; y=int32[5]{2, 2, -2, 0, -1}",
       "int32[5]{3, -3, -3, 0, -2147483648}", 0},
      {"floor_div", POME__IOS15,
       "x=fp32[7]{7, -7, 7, -7, 1, 0, -1}; y=fp32[7]{2, 2, -2, -2, 0.1, 0, inf}",
       "fp32[7]{3, -4, -4, 3, 9, nan, -1}", 0},
      {"floor_div", POME__IOS15, "x=int32[5]{7, -7, 7, -7, 1}; y=int32[5]{2, 2, -2, -2, 0}",
       "int32[5]{3, -4, -4, 3, 0}", 0},
      {"mod", POME__IOS15,
       "x=fp32[7]{7, -7, 7, -7, 1, 0, -1}; y=fp32[7]{2, 2, -2, -2, 0.1, 0, inf}",
       "fp32[7]{1, 1, -1, -1, 0.0999999866, nan, inf}", 0},
      {"mod", POME__IOS15, "x=int32[5]{7, -7, 7, -7, 1}; y=int32[5]{2, 2, -2, -2, 0}",
       "int32[5]{1, 1, -1, -1, 0}", 0},
      {"pow", POME__IOS15, "x=fp32[6]{2, 2, -2, 9, 0, -8}; y=fp32[6]{10, -1, 3, 0.5, 0, 0.333}",
       "fp32[6]{1024, 0.5, -8, 3, 1, nan}", 0},
      {"pow", POME__IOS15, "x=int32[5]{3, 2, 2, -1, 0}; y=int32[5]{4, 31, -1, -3, 0}",
       "int32[5]{81, -2147483648, 0, -1, 1}", 0},
      {"maximum", POME__IOS15, "x=fp32[4]{1, nan, 2, -inf}; y=fp32[4]{3, 0, nan, -1}",
       "fp32[4]{3, nan, nan, -1}", 0},
      {"minimum", POME__IOS15, "x=fp32[4]{1, nan, 2, -inf}; y=fp32[4]{3, 0, nan, -1}",
       "fp32[4]{1, nan, nan, -inf}", 0},
      {"maximum", POME__IOS15, "x=int32[2]{-5, 5}; y=int32[1]{0}", "int32[2]{0, 5}", 0},
      {"minimum", POME__IOS15, "x=int32[2]{-5, 5}; y=int32[1]{0}", "int32[2]{-5, 0}", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_comparison_and_logic(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"equal", POME__IOS15, "x=fp32[4]{1, 2, nan, 0}; y=fp32[4]{1, 3, nan, -0}",
       "bool[4]{1, 0, 0, 1}", 0},
      {"not_equal", POME__IOS15, "x=fp16[3]{1, 2, nan}; y=fp16[3]{1, 3, nan}", "bool[3]{0, 1, 1}",
       0},
      {"greater", POME__IOS15, "x=int32[3]{1, 2, 3}; y=int32[]{2}", "bool[3]{0, 0, 1}", 0},
      {"greater_equal", POME__IOS15, "x=int32[3]{1, 2, 3}; y=int32[]{2}", "bool[3]{0, 1, 1}", 0},
      {"less", POME__IOS15, "x=fp32[3]{1, 2, nan}; y=fp32[]{2}", "bool[3]{1, 0, 0}", 0},
      {"less_equal", POME__IOS15, "x=fp32[3]{1, 2, nan}; y=fp32[]{2}", "bool[3]{1, 1, 0}", 0},
      {"logical_and", POME__IOS15, "x=bool[4]{0, 0, 1, 1}; y=bool[4]{0, 1, 0, 1}",
       "bool[4]{0, 0, 0, 1}", 0},
      {"logical_or", POME__IOS15, "x=bool[4]{0, 0, 1, 1}; y=bool[4]{0, 1, 0, 1}",
       "bool[4]{0, 1, 1, 1}", 0},
      {"logical_xor", POME__IOS15, "x=bool[2,2]{0, 0, 1, 1}; y=bool[2]{0, 1}",
       "bool[2,2]{0, 1, 1, 0}", 0},
      {"logical_and", POME__IOS15, "x=int32[1]{1}; y=int32[1]{1}", "error: allowed: bool", 0},
  };
  OP_CASES_RUN(cases);
}

static void test_activation(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"relu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}", "fp32[6]{0, 0, 0, 0.5, 1.5, 3}",
       0},
      {"relu6", POME__IOS15, "x=fp32[6]{-6, -2.25, 0, 1.5, 4.5, 9}",
       "fp32[6]{0, 0, 0, 1.5, 4.5, 6}", 0},
      {"sigmoid", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{0.119202922, 0.320821301, 0.5, 0.622459331, 0.817574476, 0.952574127}", 0},
      {"silu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.238405844, -0.240615976, 0, 0.311229666, 1.22636171, 2.85772238}", 0},
      {"softplus", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{0.126928011, 0.386871006, 0.693147181, 0.974076984, 1.70141328, 3.04858735}", 0},
      {"softsign", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.666666667, -0.428571429, 0, 0.333333333, 0.6, 0.75}", 0},
      {"clamped_relu", POME__IOS15,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{0.25}; beta=fp32[]{2}",
       "fp32[6]{-0.5, -0.1875, 0, 0.5, 1.5, 2}", 0},
      {"clamped_relu", POME__IOS17,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{0.25}; beta=fp16[]{2}",
       "fp32[6]{-0.5, -0.1875, 0, 0.5, 1.5, 2}", 0},
      {"elu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{0.5}",
       "fp32[6]{-0.432332358, -0.263816724, 0, 0.5, 1.5, 3}", 0},
      {"elu", POME__IOS17, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{0.5}",
       "fp32[6]{-0.432332358, -0.263816724, 0, 0.5, 1.5, 3}", 0},
      {"leaky_relu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{0.125}",
       "fp32[6]{-0.25, -0.09375, 0, 0.5, 1.5, 3}", 0},
      {"leaky_relu", POME__IOS17, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{0.125}",
       "fp32[6]{-0.25, -0.09375, 0, 0.5, 1.5, 3}", 0},
      {"linear_activation", POME__IOS15,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{0.5}; beta=fp32[]{-1}",
       "fp32[6]{-2, -1.375, -1, -0.75, -0.25, 0.5}", 0},
      {"linear_activation", POME__IOS17,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{0.5}; beta=fp16[]{-1}",
       "fp32[6]{-2, -1.375, -1, -0.75, -0.25, 0.5}", 0},
      {"scaled_tanh", POME__IOS15,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{1.5}; beta=fp32[]{0.75}",
       "fp32[6]{-1.35772238, -0.764744961, 0, 0.537536098, 1.21395161, 1.46703917}", 0},
      {"scaled_tanh", POME__IOS17,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{1.5}; beta=fp16[]{0.75}",
       "fp32[6]{-1.35772238, -0.764744961, 0, 0.537536098, 1.21395161, 1.46703917}", 0},
      {"sigmoid_hard", POME__IOS15,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{0.25}; beta=fp32[]{0.5}",
       "fp32[6]{0, 0.3125, 0.5, 0.625, 0.875, 1}", 0},
      {"sigmoid_hard", POME__IOS17,
       "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{0.25}; beta=fp16[]{0.5}",
       "fp32[6]{0, 0.3125, 0.5, 0.625, 0.875, 1}", 0},
      {"thresholded_relu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp32[]{0.5}",
       "fp32[6]{0, 0, 0, 0.5, 1.5, 3}", 0},
      {"thresholded_relu", POME__IOS17, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; alpha=fp16[]{0.5}",
       "fp32[6]{0, 0, 0, 0.5, 1.5, 3}", 0},
      {"relu", POME__IOS15, "x=fp16[3]{nan, -inf, inf}", "fp16[3]{nan, 0, inf}", 0},
      {"sigmoid", POME__IOS15, "x=fp16[3]{-1000, 0, 1000}", "fp16[3]{0, 0.5, 1}", 0},
      {"softplus", POME__IOS15, "x=fp32[2]{-1000, 1000}", "fp32[2]{0, 1000}", 0},
      {"gelu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}",
       "fp32[6]{-0.0455002639, -0.169970514, 0, 0.345731231, 1.3997892, 2.99595031}", 0},
      {"gelu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; mode=\"TANH_APPROXIMATION\"",
       "fp32[6]{-0.0454023059, -0.170039445, 0, 0.34571401, 1.39957158, 2.99636261}", 0},
      {"gelu", POME__IOS15, "x=fp32[6]{-2, -0.75, 0, 0.5, 1.5, 3}; mode=\"SIGMOID_APPROXIMATION\"",
       "fp32[6]{-0.0643413769, -0.163609942, 0, 0.350388437, 1.3916622, 2.98192869}", 0},
      {"gelu", POME__IOS15, "x=fp32[1]{1}; mode=\"OTHER\"", "error: unknown mode", 0},
      {"prelu", POME__IOS15, "x=fp32[1,2,3,2]{-5..6}; alpha=fp32[2]{0.5, 0.25}",
       "fp32[1,2,3,2]{-2.5, -2, -1.5, -1, -0.5, 0, 1..6}", 0},
      {"prelu", POME__IOS17, "x=fp16[2,1,2]{-4, 4, -8, 8}; alpha=fp32[1]{0.25}",
       "fp16[2,1,2]{-1, 4, -2, 8}", 0},
      {"prelu", POME__IOS15, "x=fp32[1,3,1]{1, 2, 3}; alpha=fp32[2]{0.5, 0.25}",
       "error: 'alpha' has 2 elements; x has 3 channels", 0},
      {"softplus_parametric", POME__IOS15,
       "x=fp32[1,2,3,2]{-5..6}; alpha=fp32[2]{0.5, 0.25}; beta=fp32[2]{1, -2}",
       "fp32[1,2,3,2]{0.00335767424, 0.00907496396, 0.0242936758, 0.0634640055, 0.156630844, "
       "0.34657359, 0.0317320028, "
       "0.00453748198, 0.000618921284, 8.38515932e-05, 1.13497248e-05, 1.53604837e-06}",
       0},
      {"softmax", POME__IOS15, "x=fp32[2,3]{1, 2, 3, -1, 0, 4}",
       "fp32[2,3]{0.0900305732, 0.244728471, 0.665240956, 0.00657326319, 0.0178679819, "
       "0.975558755}",
       0},
      {"softmax", POME__IOS15, "x=fp32[2,3]{1, 2, 3, -1, 0, 4}; axis=0",
       "fp32[2,3]{0.880797078, 0.880797078, 0.268941421, 0.119202922, 0.119202922, 0.731058579}",
       0},
      {"softmax", POME__IOS15, "x=fp16[1,4]{1000, 1000, -inf, 1000}",
       "fp16[1,4]{0.33325, 0.33325, 0, 0.33325}", 0},
      {"softmax", POME__IOS15, "x=fp32[2,3]{0..5}; axis=2",
       "error: parameter 'axis' is 2; allowed for rank 2: -2 to 1", 0},
      {"softmax", POME__IOS15, "x=fp32[]{0}", "error: the value is a scalar", 0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_unary),
      cmocka_unit_test(test_epsilon_and_bounds),
      cmocka_unit_test(test_cast),
      cmocka_unit_test(test_arithmetic),
      cmocka_unit_test(test_comparison_and_logic),
      cmocka_unit_test(test_activation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
