/* One rendering: the memory, the output and the budgets of a template while it runs.
 *
 * Every operation takes steps from a budget, in proportion to the bytes it touches; values take
 * bytes from a second one and output from a third. So any template ends, soon and small. Functions
 * that build text write it behind the output, and take it from there when it is whole.
 */
#ifndef POME_SRC_LLM_TEMPLATE_RENDER_H
#define POME_SRC_LLM_TEMPLATE_RENDER_H

#include "llm/template/marks.h"
#include "llm/template/value.h"

typedef struct pome__tscope {
  struct pome__tscope *parent;
  const pome__tdict *outer; /* of the outermost scope: the variables given */
  struct pome__tvariable {
    pome_string name;
    pome__tvalue value;
  } * items;
  size_t count, room;
} pome__tscope;

typedef enum pome__tflow { POME__T_ON, POME__T_BREAK, POME__T_CONTINUE } pome__tflow;

typedef struct pome__trender {
  const pome_allocator *allocator;
  pome_error *error;
  pome__arena arena;
  size_t steps, bytes; /* what is left */
  size_t depth;
  char *out;
  size_t out_size, out_room, out_limit;
  pome__tmarks marks;
  pome__tscope *root, *scope;
  pome__tflow flow;
  const struct pome__tloop *loop; /* innermost */
  int64_t now;                    /* seconds since 1970 as the wall clock shows them */
} pome__trender;

#define POME__T_FAIL(r, ...) pome__fail((r)->error, POME_INPUT, __VA_ARGS__)
/* For "%.*s" of a name from a template: bounded. */
#define POME__T_NAME(s) (int)((s).size < 80 ? (s).size : 80), (s).data

pome_status pome__t_charge(pome__trender *r, size_t steps);
/* Work over so many bytes. */
static inline pome_status pome__t_charge_bytes(pome__trender *r, size_t bytes) {
  return pome__t_charge(r, 1 + bytes / 64);
}
pome_status pome__t_enter(pome__trender *r); /* one level deeper; leave when done */
static inline void pome__t_leave(pome__trender *r) {
  r->depth--;
}
pome_status pome__t_alloc(pome__trender *r, size_t count, size_t size, void *out);

/* ---- output, also as a place to build text ---- */

pome_status pome__t_put(pome__trender *r, const char *data, size_t size);
/* Text made of what stands at `from`: it is whose that is. */
pome_status pome__t_put_for(pome__trender *r, const char *from, const char *data, size_t size);
pome_status pome__t_put_repeated(pome__trender *r, char byte, size_t count);
/* The text behind `mark` as a value; takes it off the output. */
pome_status pome__t_take(pome__trender *r, size_t mark, pome__tvalue *out);

/* ---- what values are (value.c) ---- */

const char *pome__t_type_name(const pome__tvalue *v); /* as Python says it */
bool pome__t_truth(const pome__tvalue *v);
pome_status pome__t_fail_undefined(pome__trender *r, const pome__tvalue *v);
/* str(v), appended; repr(v) likewise. */
pome_status pome__t_put_text(pome__trender *r, const pome__tvalue *v);
pome_status pome__t_put_repr(pome__trender *r, const pome__tvalue *v);
pome_status pome__t_put_real(pome__trender *r, double real);
/* str(v) as a value. Strings stay themselves. */
pome_status pome__t_to_text(pome__trender *r, const pome__tvalue *v, pome__tvalue *out);
pome_status pome__t_length(pome__trender *r, const pome__tvalue *v, size_t *length);
/* Everything that `for` would go over, as a list. */
pome_status pome__t_items(pome__trender *r, const pome__tvalue *v, pome__tvalue *list);
pome_status pome__t_contains(pome__trender *r, const pome__tvalue *container,
                             const pome__tvalue *item, bool *found);

pome_status pome__t_dict_set(pome__trender *r, pome__tdict *dict, const pome__tvalue *key,
                             const pome__tvalue *value);
/* NULL when absent. */
pome_status pome__t_dict_find(pome__trender *r, const pome__tdict *dict, const pome__tvalue *key,
                              const pome__tvalue **value);
/* TypeError for what cannot be a key. */
pome_status pome__t_check_key(pome__trender *r, const pome__tvalue *key);
pome_status pome__t_dict_new(pome__trender *r, size_t room, pome__tdict **dict);

/* ---- comparison (compare.c) ---- */

pome_status pome__t_equal(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                          bool *equal);
/* Below zero, zero, above; TypeError for what has no order. `sign` is for the message. */
pome_status pome__t_order(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b,
                          const char *sign, int *order);
/* Stable. `keys` decide, `items` follow. */
pome_status pome__t_sort(pome__trender *r, pome__tvalue *keys, pome__tvalue *items, size_t count,
                         bool reverse);

/* ---- arithmetic (arithmetic.c, number.c) ---- */

pome_status pome__t_binary(pome__trender *r, char op, const pome__tvalue *a, const pome__tvalue *b,
                           pome__tvalue *out);
pome_status pome__t_negate(pome__trender *r, const pome__tvalue *a, pome__tvalue *out);
double pome__t_to_real(const pome__tvalue *number);
/* Both are integers of any size. op: + - * / (floor) % (floor) ^ (power, b >= 0). */
pome_status pome__t_big_binary(pome__trender *r, char op, const pome__tvalue *a,
                               const pome__tvalue *b, pome__tvalue *out);
int pome__t_big_compare(pome__trender *r, const pome__tvalue *a, const pome__tvalue *b);
pome_status pome__t_big_put(pome__trender *r, const pome__tbig *big);
/* float(text) of Python; false when it is none. */
bool pome__t_parse_real(pome_string text, double *real);
/* Digits in base 2 to 36, without a sign. */
pome_status pome__t_big_parse(pome__trender *r, const char *digits, size_t size, int base,
                              bool negative, pome__tvalue *out);
/* The integer part of a finite number. */
pome_status pome__t_big_from_real(pome__trender *r, double real, pome__tvalue *out);

/* ---- JSON (json.c) ---- */

pome_status pome__t_json_read(pome__trender *r, const char *text, size_t size, pome__tvalue *out);
typedef struct pome__tjson_form {
  bool ascii, sorted, indented;
  pome_string indent, item, key; /* one level; behind an item; behind a key */
} pome__tjson_form;
pome_status pome__t_json_put(pome__trender *r, const pome__tvalue *v, const pome__tjson_form *form);

/* ---- text (text.c) ---- */

bool pome__t_is_space(uint32_t character); /* as Python's strip and \s */
size_t pome__t_count_characters(pome_string text);
/* Byte offset of a character, text.size when there are fewer. */
size_t pome__t_character_offset(pome_string text, size_t index);
pome_string pome__t_strip_spaces(pome_string text, bool left, bool right);
typedef enum pome__tcase {
  POME__T_UPPER,
  POME__T_LOWER,
  POME__T_TITLE,
  POME__T_CAPITALIZE,
  POME__T_SWAP,
  POME__T_FOLD
} pome__tcase;
pome_status pome__t_put_case(pome__trender *r, pome_string text, pome__tcase form);
bool pome__t_is_printable(uint32_t character);
bool pome__t_is_word(uint32_t character); /* a letter, number or underscore: \w in Python */
/* Where `part` starts in `text` from `from` on; SIZE_MAX when nowhere. */
size_t pome__t_find(pome_string text, pome_string part, size_t from);
pome_status pome__t_put_escaped(pome__trender *r, const pome__tvalue *v); /* for HTML */
pome_status pome__t_put_replaced(pome__trender *r, pome_string text, pome_string old,
                                 pome_string new, int64_t most);

/* ---- formats (format.c, strftime.c) ---- */

/* text.format(...): a method. */
typedef struct pome__tcall pome__tcall;
pome_status pome__t_format_method(pome__tcall *c, pome__tvalue *out);
pome_status pome__t_percent(pome__trender *r, const pome__tvalue *format,
                            const pome__tvalue *arguments, pome__tvalue *out);
pome_status pome__t_strftime(pome__trender *r, pome_string format, pome__tvalue *out);
bool pome__t_parse_time(pome_string iso, int64_t *seconds);

/* ---- functions (call.c) ---- */

typedef struct pome__targuments {
  const pome__tvalue *items;
  size_t count;
  const struct pome__tnamed {
    pome_string name;
    pome__tvalue value;
  } * named;
  size_t named_count;
} pome__targuments;

#define POME__T_MOST_PARAMETERS 6

/* A call of a filter, test, method or global function. `bound` follows the row's parameters. */
struct pome__tcall {
  pome__trender *r;
  const pome__tvalue *self;
  const pome__targuments *arguments;
  pome__tvalue bound[POME__T_MOST_PARAMETERS];
};

typedef struct pome__tfunction {
  const char *name;
  const char *parameters; /* names between spaces; NULL: reads `arguments` itself */
  int required;
  pome_status (*run)(pome__tcall *c, pome__tvalue *out);
} pome__tfunction;

const pome__tfunction *pome__t_find_function(const pome__tfunction *table, pome_string name);
pome_status pome__t_run(pome__trender *r, const pome__tfunction *f, const pome__tvalue *self,
                        const pome__targuments *arguments, pome__tvalue *out);
/* Calls what a template calls. */
pome_status pome__t_call(pome__trender *r, const pome__tvalue *callee,
                         const pome__targuments *arguments, pome__tvalue *out);
/* Arguments without names from `from` on, with the same names. */
pome__targuments pome__t_arguments_from(const pome__targuments *a, size_t from);

/* Tables end with a row without a name. */
extern const pome__tfunction pome__t_filters[], pome__t_more_filters[], pome__t_web_filters[],
    pome__t_tests[], pome__t_globals[];
extern const pome__tfunction pome__t_string_methods[], pome__t_text_methods[],
    pome__t_dict_methods[], pome__t_list_methods[];
const pome__tfunction *pome__t_find_filter(pome_string name);
const pome__tfunction *pome__t_find_test(pome_string name);
const pome__tfunction *pome__t_find_global(pome_string name);
/* There is no filter, or no test, of that name; a hint tells what may have been meant. */
pome_status pome__t_fail_unknown(pome__trender *r, bool filter, pome_string name);

/* v.name and v[key]. */
pome_status pome__t_attribute(pome__trender *r, const pome__tvalue *v, pome_string name,
                              pome__tvalue *out);
pome_status pome__t_item(pome__trender *r, const pome__tvalue *v, const pome__tvalue *key,
                         pome__tvalue *out);
pome_status pome__t_slice(pome__trender *r, const pome__tvalue *v, const pome__tvalue *start,
                          const pome__tvalue *stop, const pome__tvalue *step, pome__tvalue *out);
/* "a.b.0" looked up step by step, as filters do. */
pome_status pome__t_path(pome__trender *r, const pome__tvalue *v, const pome__tvalue *path,
                         pome__tvalue *out);

/* ---- arguments ---- */

/* The integer given, or `absent` when none was. */
pome_status pome__t_integer_argument(pome__trender *r, const pome__tvalue *v, int64_t absent,
                                     int64_t *out);
/* A string is asked for. */
pome_status pome__t_text_argument(pome__trender *r, const pome__tvalue *v, const char *absent,
                                  pome_string *out);

#endif
