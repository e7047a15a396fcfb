/* Weights for models that come without: a file of zeros with a valid record wherever the program
 * looks for one. It takes address space, not memory.
 */
#ifndef POME_TESTS_FAKE_WEIGHTS_H
#define POME_TESTS_FAKE_WEIGHTS_H

#include "base/bytes.h"

/* `program` is a MILSpec.Program message. False when it is broken or there is no address space. */
bool fake_weights_make(pome__bytes program, pome__bytes *file);
void fake_weights_free(pome__bytes *file);

#endif
