/* Measuring a language model, the part of `pome bench` that needs one. */
#ifndef POME_APPS_BENCH_H
#define POME_APPS_BENCH_H

#include "options.h"

/* True for a folder with a tokenizer.json beside a model. */
bool bench_is_language_model(const char *path);
pome_status bench_language_model(const struct options *options, pome_error *error);

#endif
