/* What is easily done otherwise: one test for each point in which the meaning of an operation is
 * surprising, or differs between its description and what coremltools' numerical tests expect.
 *
 * The numbers are chosen so that the other reading gives others: gates are opened and shut by
 * biases of 100 and -100, and activations are linear. Each case runs on every device in all
 * numerics (op_case.h). Points about programs rather than single calls stand in test_control.c,
 * about compressed constants in test_compression.c, about labels in test_classify.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "op_case.h"

/* ---- recurrent layers ---- */

/* r = {1, 0}, z = 0, and R_o swaps: R_o (r * h) = {0, 2} while r * (R_o h) = {4, 0}. Rows are
 * r, o, z. */
#define GRU_SWAP                                                                                   \
  "x=fp32[1,1,1]{0}; initial_h=fp32[1,2]{2, 4}; weight_ih=fp32[6,1]{0*6}; "                        \
  "weight_hh=fp32[6,2]{0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0}; "                                      \
  "bias=fp32[6]{100, -100, 0, 0, -100, -100}; activation=\"linear\""

static void gru_resets_before_the_product(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"gru", POME__IOS15, GRU_SWAP, "fp32[1,1,2]{0, 2}; fp32[1,2]{0, 2}", 0},
      {"gru", POME__IOS18, GRU_SWAP, "fp32[1,1,2]{0, 2}; fp32[1,2]{0, 2}", 0},
      {"gru", POME__IOS18, GRU_SWAP "; reset_after=false", "fp32[1,1,2]{0, 2}; fp32[1,2]{0, 2}", 0},
  };
  OP_CASES_RUN(cases);
}

/* As PyTorch: bias is inside of what is reset, input_bias outside. */
static void gru_resets_after_the_product_when_told_so(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"gru", POME__IOS18, GRU_SWAP "; reset_after=true", "fp32[1,1,2]{4, 0}; fp32[1,2]{4, 0}", 0},
      {"gru", POME__IOS18,
       "x=fp32[1,1,1]{0}; initial_h=fp32[1,2]{2, 4}; weight_ih=fp32[6,1]{0*6}; "
       "weight_hh=fp32[6,2]{0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0}; bias=fp32[6]{100, -100, 8, 8, "
       "-100, -100}; activation=\"linear\"; reset_after=true; input_bias=fp32[6]{0, 0, 0.5, 0.5, "
       "0, 0}",
       "fp32[1,1,2]{12.5, 0.5}; fp32[1,2]{12.5, 0.5}", 0},
  };
  OP_CASES_RUN(cases);
}

/* h = x + 10 h over 3, 2, 1. */
static void reverse_rnn_stays_in_processing_order(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"rnn", POME__IOS15,
       "x=fp32[3,1,1]{1, 2, 3}; initial_h=fp32[1,1]{0}; weight_ih=fp32[1,1]{1}; "
       "weight_hh=fp32[1,1]{10}; direction=\"reverse\"; output_sequence=true; "
       "activation=\"linear\"",
       "fp32[3,1,1]{3, 32, 321}; fp32[1,1]{321}", 0},
  };
  OP_CASES_RUN(cases);
}

/* h = (x + h) / 2 over 8, 4, 2. */
static void reverse_gru_stays_in_processing_order(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"gru", POME__IOS15,
       "x=fp32[3,1,1]{2, 4, 8}; initial_h=fp32[1,1]{0}; weight_ih=fp32[3,1]{0, 1, 0}; "
       "weight_hh=fp32[3,1]{0*3}; direction=\"reverse\"; output_sequence=true; "
       "activation=\"linear\"",
       "fp32[3,1,1]{4, 4, 3}; fp32[1,1]{3}", 0},
  };
  OP_CASES_RUN(cases);
}

/* All gates open: c = c + x, h = c. Rows are i, f, o, z. */
#define LSTM_SUMS                                                                                  \
  "x=fp32[3,1,1]{1, 2, 4}; weight_ih=fp32[4,1]{0, 0, 0, 1}; weight_hh=fp32[4,1]{0*4}; "            \
  "bias=fp32[4]{100, 100, 100, 0}; output_sequence=true; cell_activation=\"linear\"; "             \
  "activation=\"linear\"; "

static void reverse_lstm_stays_in_processing_order(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"lstm", POME__IOS15,
       LSTM_SUMS "initial_h=fp32[1,1]{0}; initial_c=fp32[1,1]{0}; direction=\"reverse\"",
       "fp32[3,1,1]{4, 6, 7}; fp32[1,1]{7}; fp32[1,1]{7}", 0},
  };
  OP_CASES_RUN(cases);
}

static void bidirectional_lstm_is_aligned_in_time(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"lstm", POME__IOS15,
       LSTM_SUMS "initial_h=fp32[1,2]{0, 0}; initial_c=fp32[1,2]{0, 0}; "
                 "weight_ih_back=fp32[4,1]{0, 0, 0, 1}; weight_hh_back=fp32[4,1]{0*4}; "
                 "bias_back=fp32[4]{100, 100, 100, 0}; direction=\"bidirectional\"",
       "fp32[3,1,2]{1, 7, 3, 6, 7, 4}; fp32[1,2]{7, 7}; fp32[1,2]{7, 7}", 0},
  };
  OP_CASES_RUN(cases);
}

/* i = 1, f = 2, o = 4, z = 8 with linear gates and c = 3: c = 2 * 3 + 1 * 8, h = 4 c. */
static void lstm_rows_are_input_forget_output_cell(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"lstm", POME__IOS15,
       "x=fp32[1,1,1]{0}; initial_h=fp32[1,1]{0}; initial_c=fp32[1,1]{3}; "
       "weight_ih=fp32[4,1]{0*4}; "
       "weight_hh=fp32[4,1]{0*4}; bias=fp32[4]{1, 2, 4, 8}; recurrent_activation=\"linear\"; "
       "cell_activation=\"linear\"; activation=\"linear\"",
       "fp32[1,1,1]{56}; fp32[1,1]{56}; fp32[1,1]{14}", 0},
  };
  OP_CASES_RUN(cases);
}

/* i = 1, f = 1, z = x = 5, c = 1: 6 is clipped to 3. The output gate is 2 c: 6, not 12 (unclipped)
 * nor 2 (the old cell); the input's and forget's peepholes see the old one: i = f = 1 + 0.5 c. */
static void lstm_clips_the_cell_before_its_peephole(void **state) {
  (void)state;
#define CLIPPED                                                                                    \
  "x=fp32[1,1,1]{5}; initial_h=fp32[1,1]{0}; initial_c=fp32[1,1]{1}; weight_ih=fp32[4,1]{0, 0, "   \
  "0, 1}; weight_hh=fp32[4,1]{0*4}; bias=fp32[4]{1, 1, 0, 0}; recurrent_activation=\"linear\"; "   \
  "cell_activation=\"linear\"; activation=\"linear\"; "
  static const op_case cases[] = {
      {"lstm", POME__IOS15, CLIPPED "peephole=fp32[3]{0, 0, 2}; clip=fp32[]{3}",
       "fp32[1,1,1]{18}; fp32[1,1]{18}; fp32[1,1]{3}", 0},
      {"lstm", POME__IOS15, CLIPPED "peephole=fp32[3]{0, 0, 2}",
       "fp32[1,1,1]{72}; fp32[1,1]{72}; fp32[1,1]{6}", 0},
      {"lstm", POME__IOS15, CLIPPED "peephole=fp32[3]{0.5, 0.5, 2}",
       "fp32[1,1,1]{162}; fp32[1,1]{162}; fp32[1,1]{9}", 0},
  };
  OP_CASES_RUN(cases);
}

/* 0.2 x + 0.5 between 0 and 1: i = 0.7, f = 0, o = 1. */
static void hard_sigmoid_has_fixed_numbers_and_two_names(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"lstm", POME__IOS15,
       "x=fp32[1,1,1]{1}; initial_h=fp32[1,1]{0}; initial_c=fp32[1,1]{9}; weight_ih=fp32[4,1]{0, "
       "0, 0, 1}; weight_hh=fp32[4,1]{0*4}; bias=fp32[4]{1, -9, 9, 0}; "
       "recurrent_activation=\"hard_sigmoid\"; cell_activation=\"linear\"; activation=\"linear\"",
       "fp32[1,1,1]{0.7}; fp32[1,1]{0.7}; fp32[1,1]{0.7}", 0},
      {"rnn", POME__IOS15,
       "x=fp32[1,3,1]{1, -9, 9}; initial_h=fp32[3,1]{0*3}; weight_ih=fp32[1,1]{1}; "
       "weight_hh=fp32[1,1]{0}; activation=\"sigmoid_hard\"",
       "fp32[1,3,1]{0.7, 0, 1}; fp32[3,1]{0.7, 0, 1}", 0},
  };
  OP_CASES_RUN(cases);
}

static void scaled_tanh_of_a_layer_is_tanh(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"rnn", POME__IOS15,
       "x=fp32[1,1,1]{1}; initial_h=fp32[1,1]{0}; weight_ih=fp32[1,1]{1}; weight_hh=fp32[1,1]{0}; "
       "activation=\"scaled_tanh\"",
       "fp32[1,1,1]{0.761594156}; fp32[1,1]{0.761594156}", 0},
  };
  OP_CASES_RUN(cases);
}

static void a_cell_that_is_not_a_number_stays_so(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"lstm", POME__IOS15,
       "x=fp32[1,1,1]{1}; initial_h=fp32[1,1]{0}; initial_c=fp32[1,1]{nan}; "
       "weight_ih=fp32[4,1]{0*4}; weight_hh=fp32[4,1]{0*4}; clip=fp32[]{2}",
       "fp32[1,1,1]{nan}; fp32[1,1]{nan}; fp32[1,1]{nan}", 0},
      {"rnn", POME__IOS15,
       "x=fp32[1,1,1]{nan}; initial_h=fp32[1,1]{0}; weight_ih=fp32[1,1]{1}; "
       "weight_hh=fp32[1,1]{0}; activation=\"sigmoid_hard\"",
       "fp32[1,1,1]{nan}; fp32[1,1]{nan}", 0},
  };
  OP_CASES_RUN(cases);
}

/* ---- indices and shapes ---- */

/* Converters write end = 0 and any stride there. */
static void squeezed_axes_of_a_slice_have_no_end_and_no_stride(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3]{0..5}; begin=int32[2]{1, 0}; end=int32[2]{0, 3}; stride=int32[2]{-7, 2}; "
       "squeeze_mask=bool[2]{1, 0}",
       "fp32[2]{3, 5}", 0},
      {"slice_by_index", POME__IOS15,
       "x=fp32[2,3]{0..5}; begin=const int32[2]{-1, -2}; end=const int32[2]{0, 0}; "
       "squeeze_mask=bool[2]{1, 1}",
       "fp32[]{4}", 0},
      {"slice_update", POME__IOS18,
       "x=fp32[2,3]{0..5}; update=fp32[2]{8, 9}; begin=int32[2]{1, 0}; end=int32[2]{0, 3}; "
       "stride=int32[2]{-7, 2}; squeeze_mask=bool[2]{1, 0}",
       "fp32[2,3]{0, 1, 2, 8, 4, 9}", 0},
  };
  OP_CASES_RUN(cases);
}

static void squeeze_ignores_axes_that_are_not_1(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"squeeze", POME__IOS15, "x=fp32[1,2]{1, 2}; axes=int32[2]{0, 1}", "fp32[2]{1, 2}", 0},
      {"squeeze", POME__IOS17, "x=fp32[3]{1, 2, 3}; axes=int32[1]{0}", "fp32[3]{1, 2, 3}", 0},
  };
  OP_CASES_RUN(cases);
}

static void negative_indices_count_from_the_end_before_ios17(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"gather", POME__IOS15, "x=fp32[3]{1, 2, 3}; indices=int32[2]{-1, -3}", "fp32[2]{3, 1}", 0},
      {"gather", POME__IOS16, "x=fp32[3]{1, 2, 3}; indices=int16[2]{-1, -3}", "fp32[2]{3, 1}", 0},
      {"gather_along_axis", POME__IOS16, "x=fp32[3]{1, 2, 3}; indices=int16[2]{-1, -3}",
       "fp32[2]{3, 1}", 0},
      {"gather_nd", POME__IOS16, "x=fp32[3]{1, 2, 3}; indices=int16[2,1]{-1, -3}", "fp32[2]{3, 1}",
       0},
  };
  OP_CASES_RUN(cases);
}

/* Checked when told so, else the nearest element is taken. */
static void negative_indices_are_out_of_bounds_from_ios17(void **state) {
  (void)state;
#define CHECKED "; validate_indices=true"
  static const op_case cases[] = {
      {"gather", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[1]{-1}" CHECKED,
       "error: indices[0] is -1; allowed: 0 to 2", 0},
      {"gather_along_axis", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[1]{-1}" CHECKED,
       "error: is -1; allowed: 0 to 2", 0},
      {"gather_nd", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[1,1]{-1}" CHECKED,
       "error: is -1", 0},
      {"gather", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[2]{-1, 9}", "fp32[2]{1, 3}", 0},
      {"gather_along_axis", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[2]{-1, 9}",
       "fp32[2]{1, 3}", 0},
      {"gather_nd", POME__IOS17, "x=fp32[3]{1, 2, 3}; indices=int32[2,1]{-1, 9}", "fp32[2]{1, 3}",
       0},
  };
  OP_CASES_RUN(cases);
}

static void scatter_along_axis_heeds_its_mode(void **state) {
  (void)state;
#define SCATTERED "data=fp32[2]{6, 8}; indices=int32[1]{1}; updates=fp32[1]{2}; mode="
  static const op_case cases[] = {
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"add\"", "fp32[2]{6, 10}", 0},
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"sub\"", "fp32[2]{6, 6}", 0},
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"mul\"", "fp32[2]{6, 16}", 0},
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"div\"", "fp32[2]{6, 4}", 0},
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"max\"", "fp32[2]{6, 8}", 0},
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"min\"", "fp32[2]{6, 2}", 0},
      {"scatter_along_axis", POME__IOS15, SCATTERED "\"update\"", "fp32[2]{6, 2}", 0},
      {"scatter_along_axis", POME__IOS15,
       "data=fp32[2]{6, 8}; indices=int32[1]{1}; updates=fp32[1]{2}", "fp32[2]{6, 10}", 0},
  };
  OP_CASES_RUN(cases);
}

/* Up to iOS16 there are as many numbers as dimensions; from iOS17 on a 0 stands for the dimension
 * that is as far from the end. */
static void zero_in_reshape_copies_a_dimension(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"reshape", POME__IOS15, "x=fp32[2,3]{0..5}; shape=const int32[2]{0, -1}", "fp32[2,3]{0..5}",
       0},
      {"reshape", POME__IOS15, "x=fp32[2,3]{0..5}; shape=const int32[3]{0, -1, 1}",
       "error: with a 0 it must have as many", 0},
      {"reshape", POME__IOS17, "x=fp32[2,3]{0..5}; shape=const int32[3]{1, 0, 3}",
       "fp32[1,2,3]{0..5}", 0},
  };
  OP_CASES_RUN(cases);
}

static void pad_acts_on_the_last_dimensions(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"pad", POME__IOS15, "x=fp32[2,1]{1, 2}; pad=int32[2]{1, 0}", "fp32[2,2]{0, 1, 0, 2}", 0},
      {"pad", POME__IOS15, "x=fp32[1,1,1]{1}; pad=int32[4]{1, 0, 0, 1}", "fp32[1,2,2]{0, 0, 1, 0}",
       0},
  };
  OP_CASES_RUN(cases);
}

static void concat_takes_values_without_dimensions(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"concat", POME__IOS15, "values=(fp16[]{1}, fp16[]{2}, const fp16[]{3}); axis=0",
       "fp16[3]{1, 2, 3}", 0},
      {"concat", POME__IOS17, "values=(int32[]{4}); axis=-1", "int32[1]{4}", 0},
  };
  OP_CASES_RUN(cases);
}

static void interleaved_concat_takes_turns(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"concat", POME__IOS15, "values=(fp32[2]{1, 2}, fp32[2]{3, 4}); axis=0; interleave=true",
       "fp32[4]{1, 3, 2, 4}", 0},
  };
  OP_CASES_RUN(cases);
}

/* ---- defaults ---- */

/* (x - 2.5) over the deviation of all four. */
static void layer_norm_goes_over_all_axes(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"layer_norm", POME__IOS15, "x=fp32[2,2]{1, 2, 3, 4}; epsilon=0.0",
       "fp32[2,2]{-1.34164079, -0.447213595, 0.447213595, 1.34164079}", 0},
  };
  OP_CASES_RUN(cases);
}

static void l2_norm_goes_over_the_last_three_dimensions(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"l2_norm", POME__IOS15, "x=fp32[2,1,1,2]{3, 4, 6, 8}; epsilon=0.0",
       "fp32[2,1,1,2]{0.6, 0.8, 0.6, 0.8}", 0},
      {"l2_norm", POME__IOS15, "x=fp32[1,2,1,2]{1, 1, 1, 1}; epsilon=0.0",
       "fp32[1,2,1,2]{0.5, 0.5, 0.5, 0.5}", 0},
  };
  OP_CASES_RUN(cases);
}

static void argsort_descends(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"argsort", POME__IOS15, "x=fp32[3]{2, 3, 1}", "int32[3]{1, 0, 2}", 0},
      {"argsort", POME__IOS15, "x=int32[3]{2, 3, 1}; ascending=true", "int32[3]{2, 0, 1}", 0},
  };
  OP_CASES_RUN(cases);
}

/* 1e-45 is nothing in fp16, and 1e-12 less than its smallest number. */
static void epsilons_have_these_defaults(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"log", POME__IOS15, "x=fp32[1]{0}", "fp32[1]{-103.278929}", 0},
      {"log", POME__IOS15, "x=fp16[1]{0}", "fp16[1]{-inf}", 0},
      {"rsqrt", POME__IOS15, "x=fp32[1]{0}", "fp32[1]{1000000}", 0},
      {"rsqrt", POME__IOS15, "x=fp16[1]{0}", "fp16[1]{inf}", 0},
      {"inverse", POME__IOS15, "x=fp32[1]{0}", "fp32[1]{10000}", 0},
      {"inverse", POME__IOS17, "x=fp16[1]{0}", "fp16[1]{10000}", 2e-3},
  };
  OP_CASES_RUN(cases);
}

/* ---- arithmetic ---- */

static void real_div_of_integers_truncates(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"real_div", POME__IOS15, "x=int32[4]{7, -7, 7, -7}; y=int32[4]{2, 2, -2, -2}",
       "int32[4]{3, -3, -3, 3}", 0},
      {"floor_div", POME__IOS15, "x=int32[4]{7, -7, 7, -7}; y=int32[4]{2, 2, -2, -2}",
       "int32[4]{3, -4, -4, 3}", 0},
  };
  OP_CASES_RUN(cases);
}

static void pairs_broadcast_up_to_rank_5_and_have_one_type(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"add", POME__IOS15, "x=fp32[2,1,1,1,2]{1, 2, 3, 4}; y=fp32[2,1]{10, 20}",
       "fp32[2,1,1,2,2]{11, 12, 21, 22, 13, 14, 23, 24}", 0},
      {"less", POME__IOS15, "x=fp32[1,1,1,1,2]{1, 3}; y=fp32[]{2}", "bool[1,1,1,1,2]{1, 0}", 0},
      {"add", POME__IOS15, "x=fp32[1]{1}; y=fp16[1]{1}", "error: they must be equal", 0},
      {"add", POME__IOS15, "x=fp32[1]{1}; y=int32[1]{1}", "error: they must be equal", 0},
  };
  OP_CASES_RUN(cases);
}

/* Every score is below the threshold. */
static void non_maximum_suppression_keeps_the_best_box_anyway(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"non_maximum_suppression", POME__IOS15,
       "boxes=fp32[1,2,4]{0, 0, 2, 2, 9, 9, 2, 2}; scores=fp32[1,2,1]{0.25, 0.5}; "
       "iou_threshold=0.5; score_threshold=0.75; max_boxes=2",
       "fp32[1,2,4]{9, 9, 2, 2, 0*4}; fp32[1,2,1]{0.5, 0}; int32[1,2]{1, -1}; int32[1]{1}", 0},
  };
  OP_CASES_RUN(cases);
}

static void quantize_rounds_half_to_even_and_saturates(void **state) {
  (void)state;
  static const op_case cases[] = {
      {"quantize", POME__IOS17,
       "input=fp32[6]{0.5, 1.5, 2.5, -0.5, 999, -999}; scale=fp32[]{1}; output_dtype=\"int8\"",
       "int8[6]{0, 2, 2, 0, 127, -128}", 0},
      {"quantize", POME__IOS17,
       "input=fp16[4]{1, 3, 99, -99}; zero_point=uint8[]{100}; scale=fp16[]{0.5}; "
       "output_dtype=\"uint8\"",
       "uint8[4]{102, 106, 255, 0}", 0},
  };
  OP_CASES_RUN(cases);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gru_resets_before_the_product),
      cmocka_unit_test(gru_resets_after_the_product_when_told_so),
      cmocka_unit_test(reverse_rnn_stays_in_processing_order),
      cmocka_unit_test(reverse_gru_stays_in_processing_order),
      cmocka_unit_test(reverse_lstm_stays_in_processing_order),
      cmocka_unit_test(bidirectional_lstm_is_aligned_in_time),
      cmocka_unit_test(lstm_rows_are_input_forget_output_cell),
      cmocka_unit_test(lstm_clips_the_cell_before_its_peephole),
      cmocka_unit_test(hard_sigmoid_has_fixed_numbers_and_two_names),
      cmocka_unit_test(scaled_tanh_of_a_layer_is_tanh),
      cmocka_unit_test(a_cell_that_is_not_a_number_stays_so),
      cmocka_unit_test(squeezed_axes_of_a_slice_have_no_end_and_no_stride),
      cmocka_unit_test(squeeze_ignores_axes_that_are_not_1),
      cmocka_unit_test(negative_indices_count_from_the_end_before_ios17),
      cmocka_unit_test(negative_indices_are_out_of_bounds_from_ios17),
      cmocka_unit_test(scatter_along_axis_heeds_its_mode),
      cmocka_unit_test(zero_in_reshape_copies_a_dimension),
      cmocka_unit_test(pad_acts_on_the_last_dimensions),
      cmocka_unit_test(concat_takes_values_without_dimensions),
      cmocka_unit_test(interleaved_concat_takes_turns),
      cmocka_unit_test(layer_norm_goes_over_all_axes),
      cmocka_unit_test(l2_norm_goes_over_the_last_three_dimensions),
      cmocka_unit_test(argsort_descends),
      cmocka_unit_test(epsilons_have_these_defaults),
      cmocka_unit_test(real_div_of_integers_truncates),
      cmocka_unit_test(pairs_broadcast_up_to_rank_5_and_have_one_type),
      cmocka_unit_test(non_maximum_suppression_keeps_the_best_box_anyway),
      cmocka_unit_test(quantize_rounds_half_to_even_and_saturates),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
