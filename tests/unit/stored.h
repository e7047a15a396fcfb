/* A model once more, from a package that pome wrote of it, with the parameters of its compressed
 * constants in weight.bin: so that a test runs on both forms in which files hold them.
 */
#ifndef POME_TESTS_UNIT_STORED_H
#define POME_TESTS_UNIT_STORED_H

#include <pome/pome.h>

#include "mil/mil.h"

/* Tensors among the parameters of constexpr operations are marked to go to a weight file, whatever
 * their size. Returns how many. The program must be resolved. */
size_t stored_mark(pome__program *program);
/* Writes `model` to a temporary package, opens that and removes it. Fails the test when something
 * goes wrong. */
pome_model *stored_open(const pome_model *model);

#endif
