/* Measuring a language model, the part of `pome bench` that needs one. POME_UNSUPPORTED in a build
 * without language models. */
#ifndef POME_APPS_BENCH_H
#define POME_APPS_BENCH_H

#include "options.h"

pome_status bench_language_model(const struct options *options, pome_error *error);

#endif
