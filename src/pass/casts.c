/* Casts: one to the type that the value has is none; of two in a row the first goes when it loses
 * nothing. */
#include <string.h>

#include "ops/ops.h"
#include "pass/pass.h"
#include "tensor/element.h"

/* Bits of a whole number that a float holds exactly, 0 for other types. */
static int mantissa_bits(pome_dtype dtype) {
  switch (dtype) {
  case POME_FP64: return 53;
  case POME_FP32: return 24;
  case POME_FP16: return 11;
  case POME_BF16: return 8;
  default: return 0;
  }
}

static bool is_signed(pome_dtype dtype) {
  return dtype == POME_INT8 || dtype == POME_INT16 || dtype == POME_INT32 || dtype == POME_INT64;
}

/* Whether every value of type `a` is one of type `b`. Types that this does not know count as no. */
static bool is_exact(pome_dtype a, pome_dtype b) {
  int bits_a = (int)pome_dtype_bits(a), bits_b = (int)pome_dtype_bits(b);
  int real_a = mantissa_bits(a), real_b = mantissa_bits(b);
  if (a == POME_STRING || b == POME_STRING) return false;
  if (a == b) return true;
  bool whole_a = pome__dtype_is_integer(a) && bits_a >= 8,
       whole_b = pome__dtype_is_integer(b) && bits_b >= 8;
  if (a == POME_BOOL) return whole_b || real_b > 0;
  if (b == POME_BOOL) return false;
  if (whole_a && whole_b)
    return is_signed(a) ? is_signed(b) && bits_b >= bits_a
                        : bits_b > bits_a || (bits_b == bits_a && !is_signed(b));
  if (whole_a) return real_b > 0 && bits_a - is_signed(a) <= real_b;
  /* bf16 has the range of fp32, fp16 has not. */
  return real_a > 0 && real_b > 0 && (b == POME_FP64 || (b == POME_FP32 && a != POME_FP64));
}

static bool is_cast(const pome__op *op) {
  return op != NULL && strcmp(op->type, "cast") == 0 && op->output_count == 1;
}

static pome_status visit(pome__pass_work *work, pome__op *op) {
  if (!is_cast(op)) return POME_OK;
  pome__value *x = pome__pass_operand(op, "x");
  if (x == NULL || x->type.kind != POME__TYPE_TENSOR ||
      op->outputs[0]->type.kind != POME__TYPE_TENSOR)
    return POME_OK;
  if (is_cast(x->producer)) {
    pome__value *before = pome__pass_operand(x->producer, "x");
    if (before != NULL && before->type.kind == POME__TYPE_TENSOR &&
        is_exact(before->type.dtype, x->type.dtype)) {
      pome__pass_set_operand(op, "x", before);
      work->changes++;
      x = before;
    }
  }
  if (x->type.dtype == op->outputs[0]->type.dtype)
    (void)pome__pass_replace(work, op->outputs[0], x);
  return POME_OK;
}

const pome__pass pome__pass_casts = {"casts", visit, NULL};
