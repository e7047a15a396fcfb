/* pome inspect --graph: the operations of a function as a picture. */
#ifndef POME_APPS_INSPECT_GRAPH_H
#define POME_APPS_INSPECT_GRAPH_H

#include <pome/model.h>

/* Into a .svg, .png or .pdf through Graphviz's dot (POME_UNSUPPORTED when it is not installed), or
 * a .dot. */
pome_status inspect_graph(const pome_function *function, const char *path, pome_error *error);

#endif
