/* One prediction: the steps in order, each following pointers that binding has set. */
#include <string.h>

#include "backend/cpu/cpu.h"
#include "ops/product.h"
#include "tensor/element.h"
#include "tensor/shape.h"

/* ---- linear ---- */

typedef struct product {
  pome__matmul args;
  pome__matmul_fn *kernel;
  size_t n;
  const atomic_bool *cancel;
} product;

static void product_share(void *context, int index, int count) {
  const product *p = context;
  size_t begin, end;
  pome__pool_share(p->n, 16, index, count, &begin, &end);
  size_t step = pome__product_step(p->args.m, p->args.k);
  for (; begin < end && !atomic_load_explicit(p->cancel, memory_order_relaxed); begin += step)
    p->kernel(&p->args, begin, end - begin < step ? end : begin + step);
}

static pome__matmul_fn *kernel_for(const pome__kernels *kernels, pome__weight_form form,
                                   bool vector) {
  switch (form) {
  case POME__WEIGHT_LUT4: return vector ? kernels->gemv_lut4 : kernels->gemm_lut4;
  case POME__WEIGHT_F16: return vector ? kernels->gemv_f16 : kernels->gemm_f16;
  case POME__WEIGHT_F32: return vector ? kernels->gemv_f32 : kernels->gemm_f32;
  case POME__WEIGHT_OTHER: break;
  }
  return NULL;
}

const float *pome__cpu_floats(pome__cpu *cpu, const pome_tensor *x) {
  if (x->dtype == POME_FP32) return x->data;
  size_t count = pome_tensor_count(x);
  float *floats = POME__NEW_ARRAY(&cpu->scratch, float, count);
  if (floats == NULL) return NULL;
  if (x->dtype == POME_FP16) {
    cpu->prepared->kernels->f16_to_f32(count, x->data, floats);
  } else {
    pome__load_f32(x->data, x->dtype, 0, 1, count, floats);
  }
  return floats;
}

static pome_status run_linear(pome__cpu *cpu, const pome__step *step, pome_error *error) {
  const pome__weight_matrix *w = &step->matrix;
  const pome_tensor *x = &cpu->bound[step->x].tensor, *y = &cpu->bound[step->outputs[0]].tensor;
  const float *floats = pome__cpu_floats(cpu, x);
  if (floats == NULL) return pome__fail_memory(error, "activations");
  size_t m = pome_tensor_count(x) / w->columns;
  product p = {{.x = floats,
                .x_stride = w->columns,
                .m = m,
                .k = w->columns,
                .w = w->data,
                .lut = w->lut,
                .rows_per_lut = w->rows_per_lut,
                .bias = step->bias,
                .y = y->data,
                .y_stride = w->rows},
               kernel_for(cpu->prepared->kernels, w->form, m == 1),
               w->rows,
               cpu->exec->cancel};
  if (m * w->rows * w->columns >= POME__PARALLEL_WORK) {
    pome__pool_run(cpu->exec->lease, product_share, &p);
  } else {
    product_share(&p, 0, 1);
  }
  pome__arena_reset(&cpu->scratch);
  return POME_OK;
}

/* ---- rows of a palettized table ---- */

static pome_status run_gather_lut(pome__cpu *cpu, const pome__step *step, pome_error *error) {
  const pome__weight_matrix *w = &step->matrix;
  const pome_tensor *indices = &cpu->bound[step->x].tensor;
  float *y = cpu->bound[step->outputs[0]].tensor.data;
  size_t count = pome_tensor_count(indices);
  for (size_t i = 0; i < count; i++, y += w->columns) {
    int64_t row;
    pome__load_i64(indices->data, indices->dtype, (int64_t)i, 1, 1, &row);
    if (row < 0 && step->wraps) row += (int64_t)w->rows;
    if (step->clamps) row = row < 0 ? 0 : row < (int64_t)w->rows ? row : (int64_t)w->rows - 1;
    if (row < 0 || (size_t)row >= w->rows) {
      return pome__fail(error, POME_INPUT, "index %lld is outside of a table of %zu rows",
                        (long long)row, w->rows);
    }
    const uint8_t *nibbles = (const uint8_t *)w->data + (size_t)row * w->columns / 2;
    const float *lut = w->lut + (size_t)row / w->rows_per_lut * 16;
    for (size_t c = 0; c < w->columns; c += 2) {
      y[c] = lut[nibbles[c / 2] & 15];
      y[c + 1] = lut[nibbles[c / 2] >> 4];
    }
  }
  return POME_OK;
}

/* ---- states ---- */

static bool is_state_memory(const pome__cpu *cpu, uint32_t local, uint32_t state) {
  const pome__local *l = &cpu->prepared->locals[local];
  return l->storage == POME__STORE_ALIAS && l->of == state;
}

static pome_status run_read_state(pome__cpu *cpu, const pome__step *step) {
  uint32_t state = step->operands[0], made = step->outputs[0];
  if (is_state_memory(cpu, made, state)) return POME_OK;
  const pome_tensor *from = &cpu->bound[state].tensor;
  memcpy(cpu->bound[made].tensor.data, from->data, pome_tensor_bytes(from));
  return POME_OK;
}

static pome_status run_write_state(pome__cpu *cpu, const pome__step *step, pome_error *error) {
  uint32_t state = step->operands[0], data = step->operands[1];
  if (is_state_memory(cpu, data, state)) return POME_OK;
  pome_tensor target = cpu->bound[state].tensor;
  return pome_tensor_copy(&cpu->bound[data].tensor, &target, error);
}

/* ---- steps ---- */

/* Infers again now that every value is there: compares with what was planned, or takes memory. */
static pome_status settle_types(pome__cpu *cpu, size_t s, pome__call *call, pome_error *error) {
  const pome__step *step = &cpu->prepared->steps[s];
  pome__cpu_call(cpu, s, false, call, error);
  call->out_types = cpu->check_types;
  POME__TRY(pome__call_infer(call));
  for (size_t o = 0; o < step->op->output_count; o++) {
    pome__bound *bound = &cpu->bound[step->outputs[o]];
    const pome__type *type = &cpu->check_types[o];
    const pome__local *local = &cpu->prepared->locals[step->outputs[o]];
    if (!pome__type_is_known(type))
      return pome__fail(error, POME_INTERNAL, "the shape of \"%s\" is not known",
                        local->value->name);
    if (!bound->dynamic) {
      char planned[POME__TYPE_TEXT], found[POME__TYPE_TEXT];
      if (pome__type_equal(&bound->type, type)) continue;
      return pome__fail(error, POME_INPUT, "\"%s\" is declared %s but comes out as %s",
                        local->value->name,
                        pome__type_format(&bound->type, planned, sizeof planned),
                        pome__type_format(type, found, sizeof found));
    }
    if (step->kind == POME__STEP_VIEW) {
      bound->type = *type;
      POME__TRY(pome_tensor_init(&bound->tensor, cpu->bound[local->of].tensor.dtype, type->rank,
                                 type->dims, cpu->bound[local->of].tensor.data, error));
    } else {
      POME__TRY(pome__cpu_grow(cpu, s, o, type, error));
    }
  }
  return POME_OK;
}

static pome_status run_eval(pome__cpu *cpu, size_t s, pome_error *error) {
  const pome__step *step = &cpu->prepared->steps[s];
  pome__call call;
  pome__call_init(&call, step->op, error);
  call.operands = &cpu->operands[step->first_operand];
  call.out_types = &cpu->out_types[step->first_output];
  call.outputs = &cpu->outputs[step->first_output];
  call.numerics = cpu->prepared->numerics;
  call.kernels = cpu->prepared->kernels;
  call.scratch = &cpu->scratch;
  call.cancel = cpu->exec->cancel;
  pome_status status = step->op->schema->eval(&call);
  pome__arena_reset(&cpu->scratch);
  return status;
}

/* A view whose own size is known may look at memory whose place is known only now. */
static void follow_root(pome__cpu *cpu, uint32_t view) {
  uint32_t root = cpu->prepared->locals[view].of;
  if (cpu->bound[root].dynamic) cpu->bound[view].tensor.data = cpu->bound[root].tensor.data;
}

static pome_status run_step(pome__cpu *cpu, size_t s, pome_error *error) {
  const pome__step *step = &cpu->prepared->steps[s];
  if (cpu->step_flags[s] & POME__STEP_DONE) return POME_OK;
  if (cpu->step_flags[s] & (POME__STEP_CHECK | POME__STEP_DYNAMIC)) {
    pome__call call;
    POME__TRY(settle_types(cpu, s, &call, error));
  }
  switch (step->kind) {
  case POME__STEP_VIEW: follow_root(cpu, step->outputs[0]); return POME_OK;
  case POME__STEP_LINEAR: return run_linear(cpu, step, error);
  case POME__STEP_CONV: return pome__cpu_run_conv(cpu, s, error);
  case POME__STEP_GATHER_LUT: return run_gather_lut(cpu, step, error);
  case POME__STEP_READ_STATE: return run_read_state(cpu, step);
  case POME__STEP_WRITE_STATE: return run_write_state(cpu, step, error);
  case POME__STEP_UPDATE_STATE:
  case POME__STEP_EVAL: break;
  }
  return run_eval(cpu, s, error);
}

/* ---- the prediction ---- */

static bool same_sizes(const pome_tensor *a, const pome_tensor *b) {
  return a->dtype == b->dtype && pome__shape_equal(a->rank, a->shape, b->rank, b->shape);
}

/* Takes the external tensors from their slots; binds when a size is not what it was. */
static pome_status take_inputs(pome__cpu *cpu, pome_error *error) {
  const pome__cpu_plan *plan = cpu->prepared;
  bool fits = cpu->is_bound;
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__local *local = &plan->locals[i];
    if (local->storage != POME__STORE_EXTERNAL) continue;
    const pome__slot *slot = &cpu->exec->slots[local->value->index];
    if (slot->kind != POME__SLOT_TENSOR)
      return pome__fail(error, POME_INTERNAL, "value \"%s\" has no tensor", local->value->name);
    fits = fits && same_sizes(&slot->tensor, &cpu->bound[i].tensor);
    cpu->bound[i].tensor.data = slot->tensor.data;
  }
  if (!fits) return pome__cpu_bind(cpu, error);
  for (size_t i = 0; i < plan->local_count; i++) {
    const pome__local *local = &plan->locals[i];
    if (local->storage == POME__STORE_ALIAS &&
        plan->locals[local->of].storage != POME__STORE_PLANNED) {
      cpu->bound[i].tensor.data = cpu->bound[local->of].tensor.data;
    }
  }
  for (size_t s = 0; s < plan->step_count; s++) {
    const pome__step *step = &plan->steps[s];
    if (step->kind != POME__STEP_UPDATE_STATE) continue;
    cpu->outputs[step->first_output].data = cpu->bound[step->outputs[0]].tensor.data;
  }
  return POME_OK;
}

pome_status pome__cpu_submit(void *instance, const pome__exec *exec, pome_error *error) {
  pome__cpu *cpu = instance;
  const pome__cpu_plan *plan = cpu->prepared;
  cpu->exec = exec;
  POME__TRY(take_inputs(cpu, error));
  for (size_t s = 0; s < plan->step_count; s++) {
    POME__TRY(pome__check_cancel(exec, error));
    pome_status status = run_step(cpu, s, error);
    if (status != POME_OK) {
      pome__arena_reset(&cpu->scratch);
      pome__error_at_op(error, plan->steps[s].op->name);
      return status;
    }
    if (exec->step_done != NULL) exec->step_done(exec->context);
  }
  POME__TRY(pome__check_cancel(exec, error)); /* the last step may have left early */
  for (size_t i = 0; i < plan->local_count; i++) {
    if (!plan->locals[i].leaves) continue;
    pome__slot *slot = &exec->slots[plan->locals[i].value->index];
    pome__slot_clear(slot);
    *slot = (pome__slot){.kind = POME__SLOT_TENSOR, .tensor = cpu->bound[i].tensor};
  }
  return POME_OK;
}
