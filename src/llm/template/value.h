/* Values of a template: Python's, as far as templates see them.
 *
 * A value is three words and is copied freely; what it points at lives in the arena of one
 * rendering and never changes, so that parts of strings and lists are views. Only namespaces,
 * loops and cyclers have state. Integers beyond 64 bits are POME__T_BIG and never fit in
 * POME__T_INT.
 */
#ifndef POME_SRC_LLM_TEMPLATE_VALUE_H
#define POME_SRC_LLM_TEMPLATE_VALUE_H

#include <pome/tensor.h>

#include "base/error.h"
#include "base/memory.h"

typedef enum pome__tkind {
  POME__T_MISSING, /* an argument that was not given; never seen by templates */
  POME__T_UNDEFINED,
  POME__T_NONE,
  POME__T_BOOL,
  POME__T_INT,
  POME__T_BIG,
  POME__T_FLOAT,
  POME__T_STRING,
  POME__T_BYTES,
  POME__T_LIST,
  POME__T_TUPLE,
  POME__T_DICT,
  POME__T_RANGE,
  POME__T_ITERATOR, /* what filters like `map` give: items without a length */
  POME__T_KEYS,     /* views of a dictionary */
  POME__T_VALUES,
  POME__T_ITEMS,
  POME__T_NAMESPACE,
  POME__T_FUNCTION,
  POME__T_METHOD,
  POME__T_MACRO,
  POME__T_LOOP,
  POME__T_CYCLER,
  POME__T_JOINER
} pome__tkind;

typedef struct pome__tvalue {
  uint8_t kind;
  bool safe;   /* POME__T_STRING: marked as HTML by `safe` or `escape` */
  bool group;  /* POME__T_TUPLE: what `groupby` gives, with names for its items */
  bool denied; /* POME__T_UNDEFINED: an attribute that may not be reached */
  union {
    bool truth;
    int64_t integer;
    double real;
    pome_string text; /* POME__T_UNDEFINED: the name that was looked for */
    struct {
      const struct pome__tvalue *items;
      size_t count;
    } list; /* also of iterators and views */
    const struct pome__tbig *big;
    const struct pome__tdict *dict;
    const struct pome__trange *range;
    struct pome__tnamespace *names;
    const struct pome__tfunction *function;
    const struct pome__tmethod *method;
    const struct pome__tmacro *macro;
    struct pome__tloop *loop;
    struct pome__tcycler *cycler;
  } u;
} pome__tvalue;

/* Magnitude in base 10^9, lowest first, without leading zeros. */
typedef struct pome__tbig {
  bool negative;
  size_t count;
  uint32_t digits[];
} pome__tbig;

typedef struct pome__tpair {
  pome__tvalue key, value;
} pome__tpair;

/* In the order of insertion. `slots` (a power of two, or none for a few pairs) holds 1 + index. */
typedef struct pome__tdict {
  pome__tpair *pairs;
  size_t count, room;
  uint32_t *slots;
  size_t slot_count;
} pome__tdict;

typedef struct pome__trange {
  int64_t start, stop, step;
  size_t count;
} pome__trange;

typedef struct pome__tnamespace {
  pome__tdict dict;
} pome__tnamespace;

typedef struct pome__tmethod {
  pome__tvalue self;
  const struct pome__tfunction *function;
} pome__tmethod;

typedef struct pome__tcycler { /* also a joiner */
  const pome__tvalue *items;
  size_t count, at;
} pome__tcycler;

#define POME__T_IS_NUMBER(v)  ((v)->kind >= POME__T_BOOL && (v)->kind <= POME__T_FLOAT)
#define POME__T_IS_INTEGER(v) ((v)->kind >= POME__T_BOOL && (v)->kind <= POME__T_BIG)
/* Kinds whose items lie in u.list. */
#define POME__T_HAS_LIST(v)                                                                        \
  ((v)->kind == POME__T_LIST || (v)->kind == POME__T_TUPLE ||                                      \
   ((v)->kind >= POME__T_ITERATOR && (v)->kind <= POME__T_ITEMS))

static inline pome__tvalue pome__t_undefined(pome_string name) {
  return (pome__tvalue){.kind = POME__T_UNDEFINED, .u.text = name};
}
static inline pome__tvalue pome__t_none(void) {
  return (pome__tvalue){.kind = POME__T_NONE};
}
static inline pome__tvalue pome__t_bool(bool truth) {
  return (pome__tvalue){.kind = POME__T_BOOL, .u.truth = truth};
}
static inline pome__tvalue pome__t_int(int64_t i) {
  return (pome__tvalue){.kind = POME__T_INT, .u.integer = i};
}
static inline pome__tvalue pome__t_real(double d) {
  return (pome__tvalue){.kind = POME__T_FLOAT, .u.real = d};
}
static inline pome__tvalue pome__t_text(const char *data, size_t size) {
  return (pome__tvalue){.kind = POME__T_STRING, .u.text = {data, size}};
}
static inline pome__tvalue pome__t_list(pome__tkind kind, const pome__tvalue *items, size_t count) {
  return (pome__tvalue){.kind = (uint8_t)kind, .u.list = {items, count}};
}
#define POME__T_LITERAL(s) pome__t_text("" s, sizeof(s) - 1)

static inline bool pome__t_same(pome_string a, pome_string b) {
  return a.size == b.size && (a.size == 0 || __builtin_memcmp(a.data, b.data, a.size) == 0);
}
static inline bool pome__t_is(pome_string a, const char *b) {
  return pome__t_same(a, (pome_string){b, __builtin_strlen(b)});
}

#endif
