/* Family states: reading and writing what a stateful model remembers. The executor runs both; here
 * are their types.
 *
 * `write_state` is how files spell coremltools' coreml_update_state. It gives no output.
 */
#include "ops/args.h"
#include "ops/families.h"

static const pome__type *stored_type(const pome__call *call) {
  const pome__type *state = pome__type_of(call, 0, 0);
  return state->kind == POME__TYPE_STATE && state->element_count == 1 ? state->elements[0] : NULL;
}

static pome_status not_a_state(pome__call *call) {
  return pome__call_fail(call,
                         "'input' is not a state of a tensor; pass a function input of type state");
}

static pome_status infer_read_state(pome__call *call) {
  const pome__type *stored = stored_type(call);
  if (stored == NULL) return not_a_state(call);
  return pome__out(call, 0, stored->dtype, stored->rank, stored->dims);
}

static pome_status infer_write_state(pome__call *call) {
  const pome__type *stored = stored_type(call);
  if (stored == NULL) return not_a_state(call);
  const pome__type *data = pome__type_of(call, 1, 0);
  if (!pome__type_fits(stored, data)) {
    char want[POME__TYPE_TEXT];
    char got[POME__TYPE_TEXT];
    return pome__call_fail(call, "'data' is %s, but the state holds %s",
                           pome__type_format(data, got, sizeof(got)),
                           pome__type_format(stored, want, sizeof(want)));
  }
  return POME_OK;
}

static const pome__param read_state[] = {POME__P("input", 0, 0, POME__PARAM_STATE)};
static const pome__param write_state[] = {POME__P("input", 0, 0, POME__PARAM_STATE),
                                          POME__P("data", 0, 0, 0)};

static const pome__schema rows[] = {
    POME__ROW("read_state", "states", POME__IOS18, POME__OP_CONTROL, read_state, infer_read_state,
              NULL),
    POME__ROW("write_state", "states", POME__IOS18, POME__OP_CONTROL, write_state,
              infer_write_state, NULL),
};

const pome__schema *pome__ops_states(size_t *count) {
  *count = sizeof(rows) / sizeof(rows[0]);
  return rows;
}
