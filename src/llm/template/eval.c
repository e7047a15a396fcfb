/* Expressions. An error gets the place of the innermost node that it came from. */
#include <string.h>

#include "llm/template/ast.h"

static pome_status evaluate(pome__trender *r, const pome__tnode *node, pome__tvalue *out);

static pome_status look_up(pome__trender *r, pome_string name, pome__tvalue *out) {
  const pome__tscope *scope = r->scope;
  for (size_t seen = 0; scope != NULL; scope = scope->parent) {
    for (size_t i = scope->count; i-- > 0;) {
      if (!pome__t_same(scope->items[i].name, name)) continue;
      *out = scope->items[i].value;
      return pome__t_charge(r, seen / 8);
    }
    seen += scope->count;
    if (scope->outer == NULL) continue;
    pome__tvalue key = pome__t_text(name.data, name.size);
    const pome__tvalue *value;
    POME__TRY(pome__t_dict_find(r, scope->outer, &key, &value));
    if (value != NULL) return *out = *value, POME_OK;
  }
  const pome__tfunction *f = pome__t_find_global(name);
  *out = f != NULL ? (pome__tvalue){.kind = POME__T_FUNCTION, .u.function = f}
                   : pome__t_undefined(name);
  return POME_OK;
}

static pome_status evaluate_list(pome__trender *r, const pome__tnode *list, pome__tkind kind,
                                 pome__tvalue *out) {
  size_t count = 0;
  pome__tvalue *items;
  for (const pome__tnode *n = list; n != NULL; n = n->next) count++;
  POME__TRY(pome__t_alloc(r, count, sizeof *items, &items));
  for (size_t i = 0; i < count; i++, list = list->next)
    POME__TRY(pome__t_evaluate(r, list, &items[i]));
  *out = pome__t_list(kind, items, count);
  return POME_OK;
}

static pome_status evaluate_dict(pome__trender *r, const pome__tnode *pairs, pome__tvalue *out) {
  pome__tdict *dict;
  pome__tvalue key, value;
  POME__TRY(pome__t_dict_new(r, 0, &dict));
  for (; pairs != NULL; pairs = pairs->next) {
    POME__TRY(pome__t_evaluate(r, pairs->a, &key));
    POME__TRY(pome__t_evaluate(r, pairs->b, &value));
    POME__TRY(pome__t_dict_set(r, dict, &key, &value));
  }
  *out = (pome__tvalue){.kind = POME__T_DICT, .u.dict = dict};
  return POME_OK;
}

static pome_status evaluate_slice(pome__trender *r, const pome__tvalue *v, const pome__tnode *slice,
                                  pome__tvalue *out) {
  pome__tvalue bounds[3] = {{0}};
  const pome__tnode *const nodes[] = {slice->a, slice->b, slice->c};
  for (int i = 0; i < 3; i++)
    if (nodes[i] != NULL) POME__TRY(pome__t_evaluate(r, nodes[i], &bounds[i]));
  return pome__t_slice(r, v, &bounds[0], &bounds[1], &bounds[2], out);
}

static pome_status evaluate_item(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tvalue v, key;
  POME__TRY(pome__t_evaluate(r, node->a, &v));
  if (node->b->kind == POME__T_SLICE) return evaluate_slice(r, &v, node->b, out);
  POME__TRY(pome__t_evaluate(r, node->b, &key));
  return pome__t_item(r, &v, &key, out);
}

/* ---- arguments ---- */

/* What * and ** bring: counted first, then filled in. */
static pome_status expand_star(pome__trender *r, const pome__tnode *node, pome__tvalue *list) {
  pome__tvalue v;
  POME__TRY(pome__t_evaluate(r, node->a, &v));
  if (node->kind == POME__T_STAR) return pome__t_items(r, &v, list);
  if (v.kind != POME__T_DICT)
    return POME__T_FAIL(r, "argument after ** must be a mapping, not %s", pome__t_type_name(&v));
  for (size_t i = 0; i < v.u.dict->count; i++)
    if (v.u.dict->pairs[i].key.kind != POME__T_STRING)
      return POME__T_FAIL(r, "keywords must be strings");
  *list = v;
  return POME_OK;
}

static pome_status count_arguments(pome__trender *r, const pome__tnode *list, pome__targuments *a,
                                   pome__tvalue *star, pome__tvalue *star_star) {
  for (; list != NULL; list = list->next) {
    if (list->kind == POME__T_STAR) {
      POME__TRY(expand_star(r, list, star));
      a->count += star->u.list.count;
    } else if (list->kind == POME__T_STAR_STAR) {
      POME__TRY(expand_star(r, list, star_star));
      a->named_count += star_star->u.dict->count;
    } else if (list->kind == POME__T_KEYWORD) {
      a->named_count++;
    } else {
      a->count++;
    }
  }
  return POME_OK;
}

pome_status pome__t_arguments(pome__trender *r, const pome__tnode *list, pome__targuments *out) {
  pome__tvalue *items = NULL, star = {0}, star_star = {0};
  struct pome__tnamed *named = NULL;
  size_t at = 0, named_at = 0;
  *out = (pome__targuments){0};
  if (list == NULL) return POME_OK;
  POME__TRY(count_arguments(r, list, out, &star, &star_star));
  POME__TRY(pome__t_alloc(r, out->count, sizeof *items, &items));
  POME__TRY(pome__t_alloc(r, out->named_count, sizeof *named, &named));
  out->items = items;
  out->named = named;
  for (; list != NULL; list = list->next) {
    if (list->kind == POME__T_STAR) {
      for (size_t i = 0; i < star.u.list.count; i++) items[at++] = star.u.list.items[i];
    } else if (list->kind == POME__T_STAR_STAR) {
      for (size_t i = 0; i < star_star.u.dict->count; i++) {
        const pome__tpair *pair = &star_star.u.dict->pairs[i];
        named[named_at++] = (struct pome__tnamed){pair->key.u.text, pair->value};
      }
    } else if (list->kind == POME__T_KEYWORD) {
      named[named_at].name = list->text;
      POME__TRY(pome__t_evaluate(r, list->a, &named[named_at++].value));
    } else {
      POME__TRY(pome__t_evaluate(r, list, &items[at++]));
    }
  }
  return POME_OK;
}

static pome_status evaluate_call(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tvalue callee;
  pome__targuments arguments;
  POME__TRY(pome__t_evaluate(r, node->a, &callee));
  POME__TRY(pome__t_arguments(r, node->list, &arguments));
  return pome__t_call(r, &callee, &arguments, out);
}

/* ---- filters and tests ---- */

static pome_status apply(pome__trender *r, const pome__tnode *node, const pome__tvalue *v,
                         pome__tvalue *out) {
  pome__targuments arguments;
  if (node->function == NULL)
    return pome__t_fail_unknown(r, node->kind == POME__T_FILTER, node->text);
  POME__TRY(pome__t_arguments(r, node->list, &arguments));
  return pome__t_run(r, node->function, v, &arguments, out);
}

static pome_status evaluate_filter(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tvalue v;
  POME__TRY(pome__t_evaluate(r, node->a, &v));
  return apply(r, node, &v, out);
}

pome_status pome__t_apply_filters(pome__trender *r, const pome__tnode *chain,
                                  const pome__tvalue *value, pome__tvalue *out) {
  if (chain == NULL) return *out = *value, POME_OK;
  pome__tvalue inner;
  POME__TRY(pome__t_enter(r));
  POME__TRY(pome__t_apply_filters(r, chain->a, value, &inner));
  pome__t_leave(r);
  return apply(r, chain, &inner, out);
}

/* ---- operators ---- */

static pome_status compare_once(pome__trender *r, int op, const pome__tvalue *a,
                                const pome__tvalue *b, bool *is) {
  static const char *const signs[] = {"==", "!=", "<", "<=", ">", ">="};
  int order;
  if (op == POME__T_OP_IN || op == POME__T_OP_NOT_IN) {
    POME__TRY(pome__t_contains(r, b, a, is));
    *is ^= op == POME__T_OP_NOT_IN;
    return POME_OK;
  }
  if (op == POME__T_OP_EQ || op == POME__T_OP_NE) {
    POME__TRY(pome__t_equal(r, a, b, is));
    *is ^= op == POME__T_OP_NE;
    return POME_OK;
  }
  POME__TRY(pome__t_order(r, a, b, signs[op], &order));
  if (order == 2 && POME__T_IS_NUMBER(a)) return *is = false, POME_OK; /* not a number */
  *is = op == POME__T_OP_LT   ? order < 0
        : op == POME__T_OP_LE ? order <= 0
        : op == POME__T_OP_GT ? order > 0
                              : order >= 0;
  return POME_OK;
}

static pome_status evaluate_comparison(pome__trender *r, const pome__tnode *node,
                                       pome__tvalue *out) {
  pome__tvalue left, right;
  bool is = true;
  POME__TRY(pome__t_evaluate(r, node->a, &left));
  for (const pome__tnode *o = node->list; o != NULL && is; o = o->next) {
    POME__TRY(pome__t_evaluate(r, o->a, &right));
    POME__TRY(compare_once(r, o->op, &left, &right, &is));
    left = right;
  }
  *out = pome__t_bool(is);
  return POME_OK;
}

static pome_status evaluate_concat(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tvalue parts;
  POME__TRY(evaluate_list(r, node->list, POME__T_LIST, &parts));
  size_t mark = r->out_size;
  for (size_t i = 0; i < parts.u.list.count; i++)
    POME__TRY(pome__t_put_text(r, &parts.u.list.items[i]));
  return pome__t_take(r, mark, out);
}

static pome_status evaluate_binary(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tvalue a, b;
  POME__TRY(pome__t_evaluate(r, node->a, &a));
  POME__TRY(pome__t_evaluate(r, node->b, &b));
  return pome__t_binary(r, (char)node->op, &a, &b, out);
}

static pome_status evaluate_logic(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  POME__TRY(pome__t_evaluate(r, node->a, out));
  return pome__t_truth(out) == (node->kind == POME__T_AND) ? pome__t_evaluate(r, node->b, out)
                                                           : POME_OK;
}

static pome_status evaluate_condition(pome__trender *r, const pome__tnode *node,
                                      pome__tvalue *out) {
  pome__tvalue test;
  POME__TRY(pome__t_evaluate(r, node->a, &test));
  if (pome__t_truth(&test)) return pome__t_evaluate(r, node->b, out);
  if (node->c != NULL) return pome__t_evaluate(r, node->c, out);
  *out = pome__t_undefined((pome_string){"the inline if-expression", 24});
  return POME_OK;
}

static pome_status evaluate_sign(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome__tvalue v;
  POME__TRY(pome__t_evaluate(r, node->a, &v));
  if (node->kind == POME__T_NOT) return *out = pome__t_bool(!pome__t_truth(&v)), POME_OK;
  if (node->kind == POME__T_NEGATIVE) return pome__t_negate(r, &v, out);
  const pome__tvalue zero = pome__t_int(0);
  return POME__T_IS_NUMBER(&v) || v.kind == POME__T_UNDEFINED
             ? pome__t_binary(r, '+', &v, &zero, out)
             : POME__T_FAIL(r, "bad operand type for unary +: '%s'", pome__t_type_name(&v));
}

static pome_status evaluate_attribute(pome__trender *r, const pome__tnode *node,
                                      pome__tvalue *out) {
  pome__tvalue v;
  POME__TRY(pome__t_evaluate(r, node->a, &v));
  return pome__t_attribute(r, &v, node->text, out);
}

static pome_status evaluate(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  switch ((pome__tnode_kind)node->kind) {
  case POME__T_CONSTANT: *out = node->value; return POME_OK;
  case POME__T_NAME_NODE: return look_up(r, node->text, out);
  case POME__T_TUPLE_NODE: return evaluate_list(r, node->list, POME__T_TUPLE, out);
  case POME__T_LIST_NODE: return evaluate_list(r, node->list, POME__T_LIST, out);
  case POME__T_DICT_NODE: return evaluate_dict(r, node->list, out);
  case POME__T_GET_ATTRIBUTE: return evaluate_attribute(r, node, out);
  case POME__T_GET_ITEM: return evaluate_item(r, node, out);
  case POME__T_CALL: return evaluate_call(r, node, out);
  case POME__T_FILTER:
  case POME__T_TEST: return evaluate_filter(r, node, out);
  case POME__T_NOT:
  case POME__T_NEGATIVE:
  case POME__T_POSITIVE: return evaluate_sign(r, node, out);
  case POME__T_AND:
  case POME__T_OR: return evaluate_logic(r, node, out);
  case POME__T_CONDITION: return evaluate_condition(r, node, out);
  case POME__T_COMPARE: return evaluate_comparison(r, node, out);
  case POME__T_BINARY: return evaluate_binary(r, node, out);
  case POME__T_CONCAT: return evaluate_concat(r, node, out);
  default: return POME__T_FAIL(r, "this cannot be used as an expression");
  }
}

pome_status pome__t_evaluate(pome__trender *r, const pome__tnode *node, pome__tvalue *out) {
  pome_status status = pome__t_charge(r, 1);
  if (status == POME_OK) status = pome__t_enter(r);
  if (status == POME_OK) status = evaluate(r, node, out);
  if (status != POME_OK) pome__error_at_line(r->error, node->line, node->column);
  else pome__t_leave(r);
  return status;
}
