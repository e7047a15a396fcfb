/* Statements: output, branches, loops, assignments, macros. */
#include <string.h>

#include "llm/template/ast.h"

static pome_status execute(pome__trender *r, const pome__tnode *list);

/* ---- scopes ---- */

pome_status pome__t_scope_new(pome__trender *r, pome__tscope *parent, pome__tscope **out) {
  POME__TRY(pome__t_alloc(r, 1, sizeof **out, out));
  (*out)->parent = parent;
  return POME_OK;
}

static pome_status set_in_scope(pome__trender *r, pome__tscope *scope, pome_string name,
                                const pome__tvalue *value) {
  POME__TRY(pome__t_charge(r, 1 + scope->count / 8));
  for (size_t i = 0; i < scope->count; i++) {
    if (!pome__t_same(scope->items[i].name, name)) continue;
    scope->items[i].value = *value;
    return POME_OK;
  }
  if (scope->count == scope->room) {
    struct pome__tvariable *items;
    size_t room = scope->room == 0 ? 4 : scope->room * 2;
    POME__TRY(pome__t_alloc(r, room, sizeof *items, &items));
    if (scope->count > 0) memcpy(items, scope->items, scope->count * sizeof *items);
    scope->items = items;
    scope->room = room;
  }
  scope->items[scope->count].name = name;
  scope->items[scope->count++].value = *value;
  return POME_OK;
}

static pome_status set_in_namespace(pome__trender *r, const pome__tnode *target,
                                    const pome__tvalue *value) {
  const pome__tnode name = {.kind = POME__T_NAME_NODE,
                            .text = target->text,
                            .line = target->line,
                            .column = target->column};
  pome__tvalue space;
  POME__TRY(pome__t_evaluate(r, &name, &space));
  if (space.kind != POME__T_NAMESPACE)
    return POME__T_FAIL(r, "cannot assign attribute on non-namespace object");
  if (target->value.u.text.data[0] == '_')
    return POME__T_FAIL(r, "a namespace takes no name that starts with an underscore: '%.*s'",
                        POME__T_NAME(target->value.u.text));
  return pome__t_dict_set(r, &space.u.names->dict, &target->value, value);
}

static pome_status assign(pome__trender *r, const pome__tnode *target, const pome__tvalue *value) {
  if (target->kind == POME__T_NAME_NODE) return set_in_scope(r, r->scope, target->text, value);
  if (target->kind == POME__T_NAME_ATTRIBUTE) return set_in_namespace(r, target, value);
  size_t wanted = 0;
  pome__tvalue list;
  for (const pome__tnode *n = target->list; n != NULL; n = n->next) wanted++;
  POME__TRY(pome__t_items(r, value, &list));
  if (list.u.list.count != wanted)
    return POME__T_FAIL(r, "%s values to unpack (expected %zu, got %zu)",
                        list.u.list.count > wanted ? "too many" : "not enough", wanted,
                        list.u.list.count);
  const pome__tnode *n = target->list;
  for (size_t i = 0; i < wanted; i++, n = n->next) POME__TRY(assign(r, n, &list.u.list.items[i]));
  return POME_OK;
}

/* ---- blocks of text ---- */

/* What a body writes, as a value instead. Jumps out of it stay noted. */
static pome_status capture(pome__trender *r, const pome__tnode *body, pome__tscope *scope,
                           pome__tvalue *out) {
  pome__tscope *outer = r->scope;
  size_t mark = r->out_size;
  r->scope = scope;
  POME__TRY(execute(r, body));
  r->scope = outer;
  return pome__t_take(r, mark, out);
}

/* Is the name one of the variables given, which the template has not set itself? */
static bool is_given(const pome__trender *r, pome_string name) {
  for (size_t i = 0; i < r->root->count; i++)
    if (pome__t_same(r->root->items[i].name, name)) return false;
  return r->scope == r->root;
}

/* A block that sets a variable given does not see it: the name stands for the new one already. */
static pome_status run_set_block(pome__trender *r, const pome__tnode *node) {
  pome__tscope *scope;
  pome__tvalue text, value;
  POME__TRY(pome__t_scope_new(r, r->scope, &scope));
  if (node->a->kind == POME__T_NAME_NODE && is_given(r, node->a->text)) {
    value = pome__t_undefined(node->a->text);
    POME__TRY(set_in_scope(r, scope, node->a->text, &value));
  }
  POME__TRY(capture(r, node->list, scope, &text));
  POME__TRY(pome__t_apply_filters(r, node->b, &text, &value));
  return assign(r, node->a, &value);
}

static pome_status run_filter_block(pome__trender *r, const pome__tnode *node) {
  pome__tscope *scope;
  pome__tvalue text, value;
  POME__TRY(pome__t_scope_new(r, r->scope, &scope));
  POME__TRY(capture(r, node->list, scope, &text));
  POME__TRY(pome__t_apply_filters(r, node->b, &text, &value));
  return pome__t_put_text(r, &value);
}

static pome_status run_scope(pome__trender *r, const pome__tnode *node) {
  pome__tscope *outer = r->scope, *scope;
  POME__TRY(pome__t_scope_new(r, node->flag ? r->root : outer, &scope));
  r->scope = scope;
  POME__TRY(execute(r, node->list));
  r->scope = outer;
  return POME_OK;
}

/* Values are those of the outer scope. */
static pome_status run_with(pome__trender *r, const pome__tnode *node) {
  pome__tscope *outer = r->scope, *scope;
  pome__tvalue value;
  POME__TRY(pome__t_scope_new(r, outer, &scope));
  for (const pome__tnode *set = node->a; set != NULL; set = set->next) {
    r->scope = outer;
    POME__TRY(pome__t_evaluate(r, set->b, &value));
    r->scope = scope;
    POME__TRY(assign(r, set->a, &value));
  }
  r->scope = scope;
  POME__TRY(execute(r, node->list));
  r->scope = outer;
  return POME_OK;
}

/* ---- loops ---- */

/* The items that pass the condition of `for ... if`. */
static pome_status filter_items(pome__trender *r, const pome__tnode *node, pome__tscope *scope,
                                pome__tvalue *list) {
  pome__tvalue *kept, test;
  size_t count = 0;
  POME__TRY(pome__t_alloc(r, list->u.list.count, sizeof *kept, &kept));
  for (size_t i = 0; i < list->u.list.count; i++) {
    scope->count = 0;
    POME__TRY(assign(r, node->a, &list->u.list.items[i]));
    POME__TRY(pome__t_evaluate(r, node->c, &test));
    if (pome__t_truth(&test)) kept[count++] = list->u.list.items[i];
  }
  *list = pome__t_list(POME__T_LIST, kept, count);
  return POME_OK;
}

/* `*finished`: some item saw the end of the body, not a break or continue. */
static pome_status run_items(pome__trender *r, const pome__tnode *node, pome__tscope *scope,
                             pome__tloop *loop, bool *finished) {
  const pome__tvalue value = {.kind = POME__T_LOOP, .u.loop = loop};
  for (loop->index = 0; loop->index < loop->count; loop->index++) {
    POME__TRY(pome__t_charge(r, 1));
    scope->count = 0;
    POME__TRY(set_in_scope(r, scope, (pome_string){"loop", 4}, &value));
    POME__TRY(assign(r, node->a, &loop->items[loop->index]));
    POME__TRY(execute(r, node->list));
    pome__tflow flow = r->flow;
    r->flow = POME__T_ON;
    *finished |= flow == POME__T_ON;
    if (flow == POME__T_BREAK) break;
  }
  return POME_OK;
}

static pome_status run_loop(pome__trender *r, const pome__tnode *node, const pome__tvalue *items,
                            pome__tscope *outer, size_t depth) {
  pome__tscope *kept = r->scope, *scope;
  pome__tloop *loop;
  pome__tvalue list = *items;
  POME__TRY(pome__t_scope_new(r, outer, &scope));
  POME__TRY(pome__t_alloc(r, 1, sizeof *loop, &loop));
  r->scope = scope;
  if (node->c != NULL) POME__TRY(filter_items(r, node, scope, &list));
  *loop = (pome__tloop){.items = list.u.list.items,
                        .count = list.u.list.count,
                        .depth = depth,
                        .node = node,
                        .outer = outer};
  bool finished = false;
  POME__TRY(run_items(r, node, scope, loop, &finished));
  if (!finished && node->other != NULL) {
    scope->count = 0;
    POME__TRY(execute(r, node->other));
  }
  r->scope = kept;
  return POME_OK;
}

static pome_status run_for(pome__trender *r, const pome__tnode *node) {
  pome__tvalue v, list;
  POME__TRY(pome__t_evaluate(r, node->b, &v));
  POME__TRY(pome__t_items(r, &v, &list));
  return run_loop(r, node, &list, r->scope, 0);
}

pome_status pome__t_loop_again(pome__trender *r, pome__tloop *loop, const pome__tvalue *items,
                               pome__tvalue *out) {
  if (!loop->node->flag)
    return POME__T_FAIL(r, "the loop is not marked 'recursive', so it cannot be called");
  size_t mark = r->out_size;
  POME__TRY(run_loop(r, loop->node, items, loop->outer, loop->depth + 1));
  return pome__t_take(r, mark, out);
}

/* ---- macros ---- */

static const struct pome__tnamed *find_named(const pome__targuments *a, pome_string name) {
  for (size_t i = 0; i < a->named_count; i++)
    if (pome__t_same(a->named[i].name, name)) return &a->named[i];
  return NULL;
}

static bool is_parameter(const pome__tnode *parameters, pome_string name) {
  for (; parameters != NULL; parameters = parameters->next)
    if (pome__t_same(parameters->text, name)) return true;
  return false;
}

static pome_status bind_parameters(pome__trender *r, const pome__tnode *node,
                                   const pome__targuments *a, size_t *used) {
  *used = 0;
  for (const pome__tnode *p = node->a; p != NULL; p = p->next) {
    const struct pome__tnamed *named = find_named(a, p->text);
    pome__tvalue value = pome__t_undefined(p->text);
    if (*used < a->count) {
      if (named != NULL)
        return POME__T_FAIL(r, "macro '%.*s' got multiple values for argument '%.*s'",
                            POME__T_NAME(node->text), POME__T_NAME(p->text));
      value = a->items[(*used)++];
    } else if (named != NULL) {
      value = named->value;
    } else if (p->b != NULL) {
      POME__TRY(pome__t_evaluate(r, p->b, &value));
    }
    POME__TRY(set_in_scope(r, r->scope, p->text, &value));
  }
  return POME_OK;
}

/* Named arguments that are no parameters: `caller`, or for `kwargs`, or too many. */
static pome_status bind_rest(pome__trender *r, const pome__tnode *node, const pome__targuments *a,
                             size_t used) {
  pome__tvalue value = pome__t_list(POME__T_TUPLE, a->items + used, a->count - used);
  if (node->varargs) POME__TRY(set_in_scope(r, r->scope, (pome_string){"varargs", 7}, &value));
  else if (used < a->count)
    return POME__T_FAIL(r, "macro '%.*s' takes not more than %zu argument(s)",
                        POME__T_NAME(node->text), used);
  pome__tdict *rest;
  POME__TRY(pome__t_dict_new(r, 0, &rest));
  for (size_t i = 0; i < a->named_count; i++) {
    const struct pome__tnamed *named = &a->named[i];
    if (is_parameter(node->a, named->name)) continue;
    pome__tvalue key = pome__t_text(named->name.data, named->name.size);
    if (node->caller && pome__t_is(named->name, "caller"))
      POME__TRY(set_in_scope(r, r->scope, named->name, &named->value));
    else if (node->kwargs) POME__TRY(pome__t_dict_set(r, rest, &key, &named->value));
    else
      return POME__T_FAIL(r, "macro '%.*s' takes no keyword argument '%.*s'",
                          POME__T_NAME(node->text), POME__T_NAME(named->name));
  }
  value = (pome__tvalue){.kind = POME__T_DICT, .u.dict = rest};
  return node->kwargs ? set_in_scope(r, r->scope, (pome_string){"kwargs", 6}, &value) : POME_OK;
}

pome_status pome__t_call_macro(pome__trender *r, const pome__tmacro *macro,
                               const pome__targuments *arguments, pome__tvalue *out) {
  pome__tscope *outer = r->scope, *scope;
  size_t used;
  POME__TRY(pome__t_scope_new(r, macro->scope, &scope));
  if (macro->node->caller && !is_parameter(macro->node->a, (pome_string){"caller", 6})) {
    pome__tvalue none = pome__t_undefined((pome_string){"caller", 6});
    POME__TRY(set_in_scope(r, scope, none.u.text, &none));
  }
  r->scope = scope;
  POME__TRY(bind_parameters(r, macro->node, arguments, &used));
  POME__TRY(bind_rest(r, macro->node, arguments, used));
  POME__TRY(capture(r, macro->node->list, scope, out));
  r->scope = outer;
  return POME_OK;
}

static pome_status make_macro(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tmacro *macro;
  POME__TRY(pome__t_alloc(r, 1, sizeof *macro, &macro));
  *macro = (pome__tmacro){node, r->scope};
  *out = (pome__tvalue){.kind = POME__T_MACRO, .u.macro = macro};
  return POME_OK;
}

static pome_status run_macro_definition(pome__trender *r, const pome__tnode *node) {
  pome__tvalue macro;
  POME__TRY(make_macro(r, node, &macro));
  return set_in_scope(r, r->scope, node->text, &macro);
}

static pome_status run_call_block(pome__trender *r, const pome__tnode *node) {
  pome__tvalue callee, result;
  pome__targuments arguments;
  struct pome__tnamed *named;
  POME__TRY(pome__t_evaluate(r, node->a->a, &callee));
  POME__TRY(pome__t_arguments(r, node->a->list, &arguments));
  POME__TRY(pome__t_alloc(r, arguments.named_count + 1, sizeof *named, &named));
  if (arguments.named_count > 0)
    memcpy(named, arguments.named, arguments.named_count * sizeof *named);
  named[arguments.named_count].name = (pome_string){"caller", 6};
  POME__TRY(make_macro(r, node->b, &named[arguments.named_count].value));
  arguments.named = named;
  arguments.named_count++;
  POME__TRY(pome__t_call(r, &callee, &arguments, &result));
  return pome__t_put_text(r, &result);
}

/* ---- all of them ---- */

/* An `elif` is the next in the chain; a flag tells that `other` is what `else` holds. */
static pome_status run_if(pome__trender *r, const pome__tnode *node) {
  pome__tvalue test;
  for (; node != NULL; node = node->other) {
    POME__TRY(pome__t_evaluate(r, node->a, &test));
    if (pome__t_truth(&test)) return execute(r, node->list);
    if (node->flag) return execute(r, node->other);
  }
  return POME_OK;
}

static pome_status run_print(pome__trender *r, const pome__tnode *node) {
  pome__tvalue v;
  POME__TRY(pome__t_evaluate(r, node->a, &v));
  return pome__t_put_text(r, &v);
}

static pome_status run_set(pome__trender *r, const pome__tnode *node) {
  pome__tvalue v;
  POME__TRY(pome__t_evaluate(r, node->b, &v));
  return assign(r, node->a, &v);
}

static pome_status run_one(pome__trender *r, const pome__tnode *node) {
  POME__TRY(pome__t_charge(r, 1));
  switch ((pome__tnode_kind)node->kind) {
  case POME__T_DATA: return pome__t_put(r, node->text.data, node->text.size);
  case POME__T_PRINT: return run_print(r, node);
  case POME__T_IF: return run_if(r, node);
  case POME__T_FOR: return run_for(r, node);
  case POME__T_SET: return run_set(r, node);
  case POME__T_SET_BLOCK: return run_set_block(r, node);
  case POME__T_MACRO_DEFINITION: return run_macro_definition(r, node);
  case POME__T_CALL_BLOCK: return run_call_block(r, node);
  case POME__T_FILTER_BLOCK: return run_filter_block(r, node);
  case POME__T_WITH: return run_with(r, node);
  case POME__T_SCOPE: return run_scope(r, node);
  case POME__T_BREAK_NODE: r->flow = POME__T_BREAK; return POME_OK;
  case POME__T_CONTINUE_NODE: r->flow = POME__T_CONTINUE; return POME_OK;
  default: return POME__T_FAIL(r, "this cannot be used as a statement");
  }
}

static pome_status execute(pome__trender *r, const pome__tnode *list) {
  POME__TRY(pome__t_enter(r));
  for (; list != NULL && r->flow == POME__T_ON; list = list->next) {
    pome_status status = run_one(r, list);
    if (status == POME_OK) continue;
    pome__error_at_line(r->error, list->line, list->column);
    return status;
  }
  pome__t_leave(r);
  return POME_OK;
}

pome_status pome__t_render(pome__trender *r, const pome__tnode *body) {
  r->scope = r->root;
  return execute(r, body);
}
