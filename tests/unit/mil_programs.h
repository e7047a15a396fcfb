/* Programs that several tests start from, and text to and from memory. */
#ifndef POME_TESTS_UNIT_MIL_PROGRAMS_H
#define POME_TESTS_UNIT_MIL_PROGRAMS_H

#include "load/load.h"
#include "mil/mil.h"

/* main<ios17>(x fp16[1, 4]): y = const, z = add(x, y) -> z */
pome__program *simple_program(void);
/* A while_loop whose two blocks share input names, with a cond within its body. */
pome__program *nested_program(pome__opset opset);
/* Constants of every element type, special floats, aggregates, states, odd names, literals in
 * place. */
pome__program *literal_program(pome__opset opset);

pome__value *add_input(pome__program *program, const char *name, const pome__type *type);
pome__op *add_op(pome__program *program, pome__block *block, const char *type, const char *output,
                 const pome__type *output_type);
void add_arg(pome__program *program, pome__op *op, const char *name, pome__value *value);
pome__op *add_const(pome__program *program, pome__block *block, const char *name,
                    const pome__literal *literal);
void set_outputs(pome__program *program, pome__block *block, pome__value *value);
pome__literal *string_literal(pome__program *program, const char *text, size_t size);

typedef struct text_buffer {
  char *text;
  size_t size, capacity;
} text_buffer;
/* As print's `write`; `context` is a text_buffer. */
pome_status append_text(void *context, const char *text, size_t size);
/* Fails the test when it cannot print. The caller frees `text`. */
text_buffer print_program(const pome__program *program);

/* A blob source: any name is a weight file with one record at offset 64, fp16 [1, 2, 3]. */
pome_status tiny_weights_file(void *context, pome__bytes name, pome__bytes *bytes,
                              pome_error *error);

#endif
