/* One function a verb: takes parsed options, prints, gives the exit status. */
#ifndef POME_APPS_VERBS_H
#define POME_APPS_VERBS_H

#include "options.h"

int verb_inspect(const struct options *options);
int verb_predict(const struct options *options);
int verb_verify(const struct options *options);
int verb_debug(const struct options *options);
int verb_bench(const struct options *options);
int verb_run(const struct options *options);
int verb_tokenize(const struct options *options);
int verb_template(const struct options *options);
int verb_convert(const struct options *options);
int verb_completion(const struct options *options);

#endif
