/* The tree of a template. Made once by the parser, never changed, read by any number of
 * renderings. Lists of nodes are chained by `next`. */
#ifndef POME_SRC_LLM_TEMPLATE_AST_H
#define POME_SRC_LLM_TEMPLATE_AST_H

#include "llm/template/render.h"

typedef enum pome__tnode_kind {
  /* statements */
  POME__T_DATA,  /* text: as it is */
  POME__T_PRINT, /* a */
  POME__T_IF,    /* a: test, list: body, other: elif, or with the flag what else holds */
  POME__T_FOR, /* a: target, b: iterable, c: condition, list: body, other: else; flag: recursive */
  POME__T_SET, /* a: target, b: value */
  POME__T_SET_BLOCK,        /* a: target, b: chain of filters or NULL, list: body */
  POME__T_MACRO_DEFINITION, /* text: name, a: parameters (POME__T_NAME_NODE, b: default), list: body
                             */
  POME__T_CALL_BLOCK,       /* a: POME__T_CALL, b: POME__T_MACRO_DEFINITION of the caller */
  POME__T_FILTER_BLOCK,     /* b: chain of filters, list: body */
  POME__T_WITH,             /* a: chain of POME__T_SET, list: body */
  POME__T_SCOPE, /* list: body with a scope of its own; flag: sees the outermost one only */
  POME__T_BREAK_NODE,
  POME__T_CONTINUE_NODE,
  /* expressions */
  POME__T_CONSTANT,       /* value */
  POME__T_NAME_NODE,      /* text */
  POME__T_NAME_ATTRIBUTE, /* text.value: a target of `set` */
  POME__T_TUPLE_NODE,     /* list */
  POME__T_LIST_NODE,      /* list */
  POME__T_DICT_NODE,      /* list of POME__T_PAIR: a, b */
  POME__T_PAIR,
  POME__T_GET_ATTRIBUTE, /* a, text */
  POME__T_GET_ITEM,      /* a, b */
  POME__T_SLICE,         /* a, b, c: any may be NULL */
  POME__T_CALL,          /* a, list: arguments */
  POME__T_FILTER,        /* a (NULL: what a block gives), text, function, list: arguments */
  POME__T_TEST,          /* a, text, function, list: arguments */
  POME__T_KEYWORD,       /* an argument: text, a */
  POME__T_STAR,          /* *a */
  POME__T_STAR_STAR,     /* **a */
  POME__T_NOT,           /* a */
  POME__T_AND,           /* a, b */
  POME__T_OR,            /* a, b */
  POME__T_CONDITION,     /* a: test, b, c: else or NULL */
  POME__T_COMPARE,       /* a, list of POME__T_OPERAND */
  POME__T_OPERAND,       /* op, a */
  POME__T_BINARY,        /* op, a, b */
  POME__T_CONCAT,        /* list */
  POME__T_NEGATIVE,      /* a */
  POME__T_POSITIVE       /* a */
} pome__tnode_kind;

/* Operators of POME__T_OPERAND; those of POME__T_BINARY are the characters + - * / % and f (floor),
 * p (power).
 */
enum {
  POME__T_OP_EQ,
  POME__T_OP_NE,
  POME__T_OP_LT,
  POME__T_OP_LE,
  POME__T_OP_GT,
  POME__T_OP_GE,
  POME__T_OP_IN,
  POME__T_OP_NOT_IN
};

typedef struct pome__tnode {
  uint8_t kind, op;
  bool flag;
  bool varargs, kwargs, caller; /* of a macro: what its body asks for */
  uint32_t line, column;
  pome_string text;
  union {
    pome__tvalue value;
    struct {
      const pome__tfunction *function;
      struct pome__tnode *other;
    };
  };
  struct pome__tnode *a, *b, *c, *list, *next;
} pome__tnode;

/* A macro as a value: the definition and where its names are looked up. */
typedef struct pome__tmacro {
  const pome__tnode *node;
  pome__tscope *scope;
} pome__tmacro;

typedef struct pome__tloop {
  const pome__tvalue *items;
  size_t count, index;
  size_t depth; /* of recursive loops, from 0 */
  const pome__tnode *node;
  pome__tscope *outer;
  bool changed_once;
  pome__tvalue changed;
} pome__tloop;

/* Parses `size` bytes into the arena. */
pome_status pome__t_parse(const char *text, size_t size, pome__arena *arena, pome__tnode **body,
                          pome_error *error);
pome_status pome__t_render(pome__trender *r, const pome__tnode *body);

/* exec.c */
pome_status pome__t_loop_again(pome__trender *r, pome__tloop *loop, const pome__tvalue *items,
                               pome__tvalue *out);
pome_status pome__t_call_macro(pome__trender *r, const pome__tmacro *macro,
                               const pome__targuments *arguments, pome__tvalue *out);
pome_status pome__t_scope_new(pome__trender *r, pome__tscope *parent, pome__tscope **out);

/* eval.c */
pome_status pome__t_evaluate(pome__trender *r, const pome__tnode *node, pome__tvalue *out);
pome_status pome__t_arguments(pome__trender *r, const pome__tnode *list, pome__targuments *out);
pome_status pome__t_apply_filters(pome__trender *r, const pome__tnode *chain,
                                  const pome__tvalue *value, pome__tvalue *out);

#endif
