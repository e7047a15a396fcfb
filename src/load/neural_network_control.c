/* Branches and loops of a network.
 *
 * A network assigns: a layer may give a blob a new value, and what a branch or a loop assigns is
 * seen behind it. A program does not: so the blobs that a branch changes become outputs of a
 * `cond`, and those that a loop changes become variables of a `while_loop`. Blobs that are new in a
 * loop, or in one branch only, are not seen behind it. A loop is read more than once: first to
 * learn what it changes, and again while the shapes of what it changes turn out to be more open
 * than assumed. Layers that leave a turn set flags: what follows in the body runs unless `stopped`,
 * the loop goes on unless `broken`.
 */
#include <string.h>

#include "load/neural_network.h"

#define MAX_NETWORKS 8 /* nested */
#define MAX_TURNS    4 /* readings of a loop */
#define FALSE_BELOW  1e-6

/* A blob that nested networks changed. */
typedef struct changed {
  pome__nn_blob *blob;
  pome__value *before;
  pome__value *after[2]; /* by branch; NULL: not changed there */
} changed;

typedef struct change_list {
  changed *items;
  size_t count;
} change_list;

/* ---- nested networks ---- */

static pome__block *enter(pome__nn *nn, pome__block **outer) {
  pome__block *block = pome__block_new(nn->program, nn->function, NULL);
  *outer = nn->block;
  if (block == NULL) pome__nn_no_memory(nn);
  if (nn->depth >= MAX_NETWORKS)
    pome__nn_fail(nn, POME_UNSUPPORTED, "networks are nested more than %d deep", MAX_NETWORKS);
  nn->block = block;
  nn->depth++;
  return block;
}

static void leave(pome__nn *nn, pome__block *outer) {
  nn->block = outer;
  nn->depth--;
}

/* Adds what changed since `mark` to the list, as the changes of branch `b`, and takes it back. */
static void take_back(pome__nn *nn, size_t mark, int b, change_list *list) {
  size_t room = list->count + (nn->change_count - mark);
  changed *items = POME__NEW_ARRAY(&nn->scratch, changed, room);
  if (items == NULL) {
    pome__nn_no_memory(nn);
    return;
  }
  if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
  list->items = items;
  for (size_t i = mark; i < nn->change_count; i++) {
    pome__nn_change *change = &nn->changes[i];
    size_t slot = change->blob->slot;
    if (slot >= list->count || list->items[slot].blob != change->blob) {
      slot = change->blob->slot = list->count++;
      list->items[slot] = (changed){.blob = change->blob, .before = change->before};
    }
    list->items[slot].after[b] = change->blob->value;
  }
  while (nn->change_count > mark) {
    pome__nn_change *change = &nn->changes[--nn->change_count];
    change->blob->value = change->before;
  }
}

/* Whether the blob, of one element, or the first one is not close to zero: a bool of rank 0. */
static pome__value *condition(pome__nn *nn, pome__value *x) {
  static const int64_t all = -1;
  pome__value *size = pome__nn_unary(nn, "abs", x);
  pome__value *truth = pome__nn_binary(nn, "greater", size, pome__nn_lit_float(nn, FALSE_BELOW));
  int rank = pome__nn_rank(nn, truth);
  if (rank == 0) return truth;
  if (rank == 1 && truth->type.dims[0] == 1) return pome__nn_reshape(nn, truth, 0, &all);
  pome__value *flat = pome__nn_number(nn, pome__nn_reshape(nn, truth, 1, &all));
  return pome__nn_truth(nn, POME__OP(nn, "gather", POME__ARG("x", flat),
                                     POME__ARG("indices", pome__nn_lit_int(nn, 0)),
                                     POME__ARG("axis", pome__nn_lit_int(nn, 0))));
}

/* ---- branch ---- */

static void set_outputs(pome__nn *nn, pome__block *block, const change_list *list, int b) {
  pome__value **values = POME__NEW_ARRAY(&nn->scratch, pome__value *, list->count);
  if (values == NULL) {
    pome__nn_no_memory(nn);
    return;
  }
  for (size_t i = 0; i < list->count; i++)
    values[i] = list->items[i].after[b] != NULL ? list->items[i].after[b] : list->items[i].before;
  if (!pome__block_set_outputs(nn->program, block, values, list->count)) pome__nn_no_memory(nn);
}

static bool changes_in(const changed *item, int b) {
  return item->after[b] != NULL && item->after[b] != item->before;
}

/* Only what both sides leave defined, and one changes. */
static void keep_defined(change_list *list) {
  size_t kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    changed *item = &list->items[i];
    bool both = (item->after[0] != NULL && item->after[1] != NULL) || item->before != NULL;
    if (both && (changes_in(item, 0) || changes_in(item, 1))) list->items[kept++] = *item;
  }
  list->count = kept;
}

static bool add_outputs(pome__nn *nn, pome__op *op, size_t count) {
  for (size_t i = 0; i < count; i++) {
    pome__value *value = pome__nn_new_value(nn, nn->layer_name);
    if (value == NULL || !pome__op_add_output(nn->program, op, value)) return false;
  }
  return true;
}

static void define_outputs(pome__nn *nn, const pome__op *op, const change_list *list) {
  for (size_t i = 0; nn->status == POME_OK && i < list->count; i++)
    pome__nn_define(nn, list->items[i].blob, op->outputs[i]);
}

/* `networks` of the two sides; NULL: nothing happens there. */
static void choose(pome__nn *nn, pome__value *truth, const pome__pb *const *networks) {
  change_list list = {NULL, 0};
  pome__block *blocks[2], *outer;
  pome__op *op = pome__op_new(nn->program, "cond");
  for (int b = 0; b < 2; b++) {
    size_t mark = nn->change_count;
    blocks[b] = enter(nn, &outer);
    if (networks[b] != NULL) pome__nn_network(nn, *networks[b]);
    leave(nn, outer);
    take_back(nn, mark, b, &list);
  }
  if (nn->status != POME_OK) return;
  keep_defined(&list);
  if (list.count == 0) return;
  bool made = op != NULL && pome__op_add_arg(nn->program, op, "pred", &truth, 1, false);
  for (int b = 0; made && b < 2; b++) {
    set_outputs(nn, blocks[b], &list, b);
    made = nn->status == POME_OK && pome__op_add_block(nn->program, op, blocks[b]);
  }
  if (!made || !add_outputs(nn, op, list.count)) pome__nn_no_memory(nn);
  pome__nn_append(nn, op);
  define_outputs(nn, op, &list);
}

void pome__nn_to_branch(pome__nn *nn, const pome__nn_layer *layer) {
  pome__pb sides[2];
  const pome__pb *networks[2] = {NULL, NULL};
  pome__value *truth = condition(nn, pome__nn_in(nn, layer, 0));
  for (uint32_t b = 0; b < 2; b++)
    if (pome__nn_message(nn, layer->params, b + 1, &sides[b])) networks[b] = &sides[b];
  choose(nn, truth, networks);
}

/* ---- leaving a turn of a loop ---- */

static pome__value *flag(pome__nn *nn, double value) {
  static const int64_t one = 1;
  return pome__nn_const_filled(nn, 1, &one, value);
}

static void leave_turn(pome__nn *nn, bool loop_too) {
  if (nn->status == POME_OK && nn->stopped.value == NULL)
    pome__nn_fail(nn, POME_INPUT, "it stands in no loop");
  pome__nn_define(nn, &nn->stopped, flag(nn, 1));
  if (loop_too) pome__nn_define(nn, &nn->broken, flag(nn, 1));
}

void pome__nn_to_loop_break(pome__nn *nn, const pome__nn_layer *layer) {
  (void)layer;
  leave_turn(nn, true);
}

void pome__nn_to_loop_continue(pome__nn *nn, const pome__nn_layer *layer) {
  (void)layer;
  leave_turn(nn, false);
}

void pome__nn_unless_stopped(pome__nn *nn, pome__pb rest) {
  const pome__pb *networks[2] = {NULL, &rest};
  if (nn->stopped.value->literal != NULL) return; /* always: the rest is not reached */
  choose(nn, condition(nn, nn->stopped.value), networks);
}

/* True when a network of a loop's body, or a branch in it, has a layer that leaves the turn. */
static bool leaves_early(pome__nn *nn, pome__pb network, int depth) {
  static const uint32_t leaving[] = {620, 625};
  bool found = false;
  pome__pb_field field;
  while (nn->status == POME_OK && !found && pome__pb_next(&network, &field, nn->error)) {
    if (field.number != 1 || field.wire != POME__PB_LEN) continue;
    pome__pb layer = pome__pb_enter(&network, &field), branch, side;
    for (int i = 0; i < 2; i++) found = found || pome__nn_field(nn, layer, leaving[i], &field);
    if (depth == MAX_NETWORKS || !pome__nn_message(nn, layer, 605, &branch)) continue;
    for (uint32_t b = 1; b <= 2; b++)
      if (pome__nn_message(nn, branch, b, &side))
        found = found || leaves_early(nn, side, depth + 1);
  }
  if (network.status != POME_OK && nn->status == POME_OK) nn->status = network.status;
  return found;
}

/* ---- loop ---- */

typedef struct loop {
  pome__pb params;
  pome__pb condition, body;
  bool has_condition, leaves_early;
  const char *condition_name;
  pome__value *limit;  /* of turns; NULL: none */
  change_list changes; /* blobs that were defined before and change */
  pome__type *types;   /* of the variables */
  pome__block *blocks[2];
} loop;

static pome__type joined(pome__nn *nn, const changed *item, const pome__type *a,
                         const pome__type *b) {
  pome__type both = *a;
  if (a->rank != b->rank || a->rank < 0)
    pome__nn_fail(nn, POME_UNSUPPORTED, "the rank of \"%s\" changes in the loop", item->blob->name);
  for (int d = 0; nn->status == POME_OK && d < both.rank; d++)
    if (a->dims[d] != b->dims[d]) both.dims[d] = POME_DIM_UNKNOWN;
  return both;
}

/* Inputs of a block: the variables, and the count of turns last. */
static pome__value *bind_variables(pome__nn *nn, const loop *l, pome__block *block) {
  size_t count = l->changes.count + (l->limit != NULL);
  pome__value **inputs = POME__NEW_ARRAY(&nn->scratch, pome__value *, count);
  pome__type whole = pome__type_tensor(POME_INT32, 0, NULL);
  for (size_t i = 0; inputs != NULL && i < count; i++) {
    inputs[i] = pome__nn_new_value(nn, nn->layer_name);
    if (inputs[i] == NULL) return NULL;
    inputs[i]->type = i < l->changes.count ? l->types[i] : whole;
    if (i < l->changes.count) pome__nn_define(nn, l->changes.items[i].blob, inputs[i]);
  }
  if (inputs == NULL || !pome__block_set_inputs(nn->program, block, inputs, count)) {
    pome__nn_no_memory(nn);
    return NULL;
  }
  return l->limit != NULL ? inputs[count - 1] : NULL;
}

static pome__value *goes_on(pome__nn *nn, const loop *l, pome__value *turn) {
  pome__value *truth = NULL;
  if (l->has_condition) {
    pome__nn_network(nn, l->condition);
    pome__nn_blob *blob =
        nn->status == POME_OK ? pome__scope_find(&nn->blobs, l->condition_name) : NULL;
    if (blob == NULL || blob->value == NULL) {
      pome__nn_fail(nn, POME_INPUT, "its condition network does not give \"%s\"",
                    l->condition_name);
      return NULL;
    }
    truth = condition(nn, blob->value);
  }
  if (l->limit != NULL) {
    pome__value *more = pome__nn_binary(nn, "less", turn, l->limit);
    truth = truth != NULL ? pome__nn_binary(nn, "logical_and", truth, more) : more;
  }
  if (!l->leaves_early) return truth;
  pome__value *whole = pome__nn_unary(nn, "logical_not", condition(nn, nn->broken.value));
  return pome__nn_binary(nn, "logical_and", truth, whole);
}

static void set_body_outputs(pome__nn *nn, const loop *l, pome__block *block, pome__value *turn) {
  size_t count = l->changes.count;
  pome__value **values = POME__NEW_ARRAY(&nn->scratch, pome__value *, count + 1);
  if (values == NULL) {
    pome__nn_no_memory(nn);
    return;
  }
  for (size_t i = 0; i < count; i++) values[i] = l->changes.items[i].blob->value;
  if (turn != NULL) values[count++] = pome__nn_binary(nn, "add", turn, pome__nn_lit_int(nn, 1));
  if (nn->status == POME_OK && !pome__block_set_outputs(nn->program, block, values, count))
    pome__nn_no_memory(nn);
}

/* Reads the condition and the body into new blocks, and what they change into `seen`. */
static void read_turn(pome__nn *nn, loop *l, change_list *seen) {
  pome__block *outer;
  *seen = (change_list){NULL, 0};
  for (int b = 0; b < 2; b++) {
    size_t mark = nn->change_count;
    l->blocks[b] = enter(nn, &outer);
    if (nn->status == POME_OK) {
      pome__value *turn = bind_variables(nn, l, l->blocks[b]);
      if (b == 0) {
        pome__value *truth = goes_on(nn, l, turn);
        if (nn->status == POME_OK && !pome__block_set_outputs(nn->program, l->blocks[b], &truth, 1))
          pome__nn_no_memory(nn);
      } else {
        if (l->leaves_early) pome__nn_define(nn, &nn->stopped, flag(nn, 0));
        pome__nn_network(nn, l->body);
        set_body_outputs(nn, l, l->blocks[b], turn);
      }
    }
    leave(nn, outer);
    take_back(nn, mark, b, seen);
  }
}

/* Blobs that stand for something before the loop. What the condition network assigns is read by
 * itself alone. */
static void find_variables(pome__nn *nn, loop *l) {
  change_list seen;
  size_t kept = 0;
  read_turn(nn, l, &seen);
  if (nn->status != POME_OK) return;
  for (size_t i = 0; i < seen.count; i++) {
    if (seen.items[i].before == NULL) continue;
    if (seen.items[i].after[0] != NULL)
      pome__nn_fail(nn, POME_UNSUPPORTED, "its condition network assigns to \"%s\"",
                    seen.items[i].blob->name);
    seen.items[kept++] = seen.items[i];
  }
  seen.count = kept;
  l->types = POME__NEW_ARRAY(&nn->scratch, pome__type, kept + 1);
  if (l->types == NULL) pome__nn_no_memory(nn);
  for (size_t i = 0; nn->status == POME_OK && i < kept; i++)
    l->types[i] =
        joined(nn, &seen.items[i], &seen.items[i].before->type, &seen.items[i].after[1]->type);
  l->changes = seen;
}

/* False when a variable's shape is more open behind the body than before it. */
static bool settle_types(pome__nn *nn, loop *l) {
  bool settled = true;
  for (size_t i = 0; nn->status == POME_OK && i < l->changes.count; i++) {
    pome__type wider =
        joined(nn, &l->changes.items[i], &l->types[i], &l->blocks[1]->outputs[i]->type);
    settled = settled && pome__type_equal(&wider, &l->types[i]);
    l->types[i] = wider;
  }
  return settled;
}

static void append_loop(pome__nn *nn, loop *l) {
  size_t count = l->changes.count;
  pome__value **variables = POME__NEW_ARRAY(&nn->scratch, pome__value *, count + 1);
  pome__op *op = pome__op_new(nn->program, "while_loop");
  if (variables == NULL || op == NULL) {
    pome__nn_no_memory(nn);
    return;
  }
  for (size_t i = 0; i < count; i++) variables[i] = l->changes.items[i].before;
  if (l->limit != NULL) variables[count++] = pome__nn_lit_int(nn, 0);
  if (nn->status != POME_OK) return;
  if (!pome__op_add_arg(nn->program, op, "loop_vars", variables, count, false) ||
      !pome__op_add_block(nn->program, op, l->blocks[0]) ||
      !pome__op_add_block(nn->program, op, l->blocks[1]) || !add_outputs(nn, op, count))
    pome__nn_no_memory(nn);
  pome__nn_append(nn, op);
  define_outputs(nn, op, &l->changes);
}

static pome__value *limit_of(pome__nn *nn, const pome__nn_layer *layer) {
  const int64_t none = 0;
  if (layer->in_count > 0) {
    pome__value *limit = pome__nn_whole(nn, pome__nn_in(nn, layer, 0));
    return pome__nn_rank(nn, limit) == 0 ? limit : pome__nn_reshape(nn, limit, 0, &none);
  }
  int64_t count = pome__nn_int(nn, layer->params, 1, 0);
  return count != 0 ? pome__nn_lit_int(nn, count < 0 || count > INT32_MAX ? INT32_MAX : count)
                    : NULL;
}

void pome__nn_to_loop(pome__nn *nn, const pome__nn_layer *layer) {
  loop l = {.params = layer->params};
  change_list seen;
  l.condition_name = pome__nn_text(nn, layer->params, 2);
  l.has_condition =
      pome__nn_message(nn, layer->params, 3, &l.condition) && l.condition_name[0] != '\0';
  if (!pome__nn_message(nn, layer->params, 4, &l.body))
    pome__nn_fail(nn, POME_INPUT, "it has no body");
  l.limit = limit_of(nn, layer);
  if (l.limit == NULL && !l.has_condition)
    pome__nn_fail(nn, POME_INPUT, "it has neither a condition nor a number of turns");
  pome__value *outer_broken = nn->broken.value, *outer_stopped = nn->stopped.value;
  l.leaves_early = nn->status == POME_OK && leaves_early(nn, l.body, 0);
  if (l.leaves_early) {
    pome__nn_define(nn, &nn->broken, flag(nn, 0));
    pome__nn_define(nn, &nn->stopped, NULL); /* no variable: every turn has its own */
  }
  if (nn->status == POME_OK) find_variables(nn, &l);
  for (int turn = 0; nn->status == POME_OK; turn++) {
    read_turn(nn, &l, &seen);
    if (nn->status != POME_OK || settle_types(nn, &l)) break;
    if (turn == MAX_TURNS)
      pome__nn_fail(nn, POME_UNSUPPORTED, "the shapes of what it changes do not settle");
  }
  if (nn->status == POME_OK && l.changes.count + (l.limit != NULL) > 0) append_loop(nn, &l);
  if (!l.leaves_early) return;
  pome__nn_define(nn, &nn->broken, outer_broken);
  pome__nn_define(nn, &nn->stopped, outer_stopped);
}
