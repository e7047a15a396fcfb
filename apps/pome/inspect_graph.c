/* pome inspect --graph: the operations of a function as a picture.
 *
 * Constants are left out. A run of operations in which each has one result, taken by the next
 * alone, is one box with a line for each, so that what a person follows are the branches. The text
 * is Graphviz's; its `dot` draws it, unless a file whose name ends in .dot is wanted.
 */
#include "inspect_graph.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "inspect.h"
#include "report.h"
#include "show.h"

#define MOST_LINES 14 /* of a box */
/* Boxes from which on dot is told to spend less on beauty: with its defaults 500 take it minutes.
 */
#define MANY_BOXES 200
#define NONE       SIZE_MAX

extern char **environ;

/* A value by name: who makes it, who takes it. */
typedef struct flow {
  const char *name;
  size_t maker;      /* operation, or NONE: an input */
  size_t uses, user; /* how often, and the last */
} flow;

typedef struct graph {
  const pome_function *function;
  size_t count; /* operations */
  flow *flows;  /* sorted by name */
  size_t flow_count;
  size_t *box;  /* by operation: the first operation of its box; NONE: constants */
  size_t *next; /* by operation: the one after it in its box, or NONE */
  FILE *out;
} graph;

static int by_name(const void *a, const void *b) {
  return strcmp(((const flow *)a)->name, ((const flow *)b)->name);
}

static flow *find(const graph *g, const char *name) {
  flow key = {.name = name};
  return name[0] ? bsearch(&key, g->flows, g->flow_count, sizeof key, by_name) : NULL;
}

static const pome_operation *operation(const graph *g, size_t i) {
  return pome_function_operation(g->function, i);
}

/* ---- who takes what ---- */

static size_t list_flows(graph *g) {
  size_t count = 0;
  for (int kind = POME_INPUT_PORT; kind <= POME_STATE_PORT; kind++) {
    if (kind == POME_OUTPUT_PORT) continue;
    for (size_t i = 0; i < pome_function_port_count(g->function, (pome_port_kind)kind);
         i++, count++)
      if (g->flows)
        g->flows[count] =
            (flow){pome_function_port(g->function, (pome_port_kind)kind, i)->name, NONE, 0, NONE};
  }
  for (size_t i = 0; i < g->count; i++) {
    const pome_operation *op = operation(g, i);
    for (size_t o = 0; !op->constant && o < op->output_count; o++, count++)
      if (g->flows) g->flows[count] = (flow){op->outputs[o].name, i, 0, NONE};
  }
  return count;
}

static void count_uses(graph *g) {
  for (size_t i = 0; i < g->count; i++) {
    const pome_operation *op = operation(g, i);
    for (size_t v = 0; !op->constant && v < op->input_count; v++) {
      flow *l = find(g, op->inputs[v].name);
      if (l) l->uses++, l->user = i;
    }
  }
  for (size_t p = 0; p < pome_function_port_count(g->function, POME_OUTPUT_PORT); p++) {
    flow *l = find(g, pome_function_port(g->function, POME_OUTPUT_PORT, p)->name);
    if (l) l->uses++, l->user = NONE;
  }
}

/* The operations that this one takes values of, constants aside. */
static size_t makers(const graph *g, const pome_operation *op, size_t *last) {
  size_t count = 0;
  for (size_t v = 0; v < op->input_count; v++) {
    flow *l = find(g, op->inputs[v].name);
    if (l) count++, *last = l->maker;
  }
  return count;
}

static bool make_boxes(graph *g) {
  size_t *lines = calloc(g->count + 1, sizeof *lines);
  for (size_t i = 0; i < g->count; i++) g->box[i] = g->next[i] = NONE;
  for (size_t i = 0; lines && i < g->count; i++) {
    const pome_operation *op = operation(g, i);
    size_t maker = NONE;
    if (op->constant) continue;
    g->box[i] = i;
    lines[i] = 1;
    if (makers(g, op, &maker) != 1 || maker == NONE) continue;
    const pome_operation *before = operation(g, maker);
    size_t first = g->box[maker];
    flow *l = before->output_count == 1 ? find(g, before->outputs[0].name) : NULL;
    if (!l || l->uses != 1 || l->user != i || lines[first] >= MOST_LINES) continue;
    g->box[i] = first;
    g->next[maker] = i;
    lines[first]++;
  }
  free(lines);
  return lines != NULL;
}

/* ---- text ---- */

/* Names come from files: what Graphviz reads as its own is spelled out. */
static void put_text(const graph *g, const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '&') fputs("&amp;", g->out);
    else if (c == '<') fputs("&lt;", g->out);
    else if (c == '>') fputs("&gt;", g->out);
    else if (c == '"') fputs("&quot;", g->out);
    else if (c == '\\') fputs("&#92;", g->out);
    else if (c < ' ' || c == 127) fputc('?', g->out);
    else fputc(c, g->out);
  }
}

static const char *color_of(const pome_operation *op) {
  static const struct {
    const char *color, *types;
  } colors[] = {
      {"#cfe3f7", " conv conv_transpose conv_quantized linear matmul einsum lstm gru rnn "
                  "scaled_dot_product_attention "},
      {"#f7ecc4", " batch_norm instance_norm layer_norm l2_norm local_response_norm softmax "},
      {"#e6dcf5", " max_pool avg_pool l2_pool reduce_mean reduce_sum reduce_max reduce_argmax "},
      {"#f9d9cc", " read_state write_state slice_update coreml_update_state "},
      {"#ececec",
       " reshape transpose expand_dims squeeze concat split slice_by_index slice_by_size "
       "gather gather_along_axis shape cast tile stack pad cond while_loop "},
  };
  char word[128];
  snprintf(word, sizeof word, " %s ", op->type);
  for (size_t i = 0; i < sizeof colors / sizeof colors[0]; i++)
    if (strstr(colors[i].types, word)) return colors[i].color;
  return "#dcefd8";
}

/* "fp16 [1, 64, 56, 56]" */
static void put_value(const graph *g, const pome_operation_value *value) {
  char text[SHOW_TEXT];
  if (!value->tensor) return;
  fprintf(g->out, "%s ", pome_dtype_name(value->dtype));
  put_text(g, show_shape(value->rank, value->shape, text, sizeof text));
}

static void put_line(const graph *g, size_t i) {
  const pome_operation *op = operation(g, i);
  const pome_operation_value *weight = NULL;
  char text[SHOW_TEXT];
  for (size_t v = 0; v < op->input_count && !weight; v++)
    if (op->inputs[v].constant && op->inputs[v].tensor && op->inputs[v].rank >= 2)
      weight = &op->inputs[v];
  fprintf(g->out, "<tr><td align=\"left\" bgcolor=\"%s\" title=\"", color_of(op));
  put_text(g, op->name);
  fputs("\" href=\"#\"><b>", g->out);
  put_text(g, op->type);
  fputs("</b>", g->out);
  if (weight) {
    fputs(" <font color=\"#555555\">", g->out);
    put_text(g, show_shape(weight->rank, weight->shape, text, sizeof text));
    fputs("</font>", g->out);
  }
  fprintf(g->out, "</td><td align=\"left\" bgcolor=\"%s\">", color_of(op));
  for (size_t o = 0; o < op->output_count && o < 4; o++) {
    if (o > 0) fputs("<br/>", g->out);
    put_value(g, &op->outputs[o]);
  }
  if (op->output_count > 4) fprintf(g->out, "<br/>and %zu more", op->output_count - 4);
  fputs("</td></tr>", g->out);
}

static void put_box(const graph *g, size_t first) {
  fprintf(g->out,
          "  op%zu [label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"1\" "
          "cellpadding=\"3\">",
          first);
  for (size_t i = first; i != NONE; i = g->next[i]) put_line(g, i);
  fputs("</table>>];\n", g->out);
}

static void put_port(const graph *g, pome_port_kind kind, size_t i) {
  const pome_port *port = pome_function_port(g->function, kind, i);
  char text[4 * SHOW_TEXT];
  static const char *const names[] = {"in", "out", "state"};
  fprintf(g->out,
          "  %s%zu [shape=box, style=\"rounded,filled\", fillcolor=\"#ffffff\", penwidth=1.5, "
          "label=<<b>",
          names[kind], i);
  put_text(g, port->name);
  fputs("</b><br/>", g->out);
  put_text(g, show_type(port, text, sizeof text));
  fputc(' ', g->out);
  put_text(g, show_shapes(port, text, sizeof text));
  fputs(">];\n", g->out);
}

static size_t port_index(const graph *g, pome_port_kind kind, const char *name) {
  for (size_t i = 0; i < pome_function_port_count(g->function, kind); i++)
    if (strcmp(pome_function_port(g->function, kind, i)->name, name) == 0) return i;
  return NONE;
}

/* Where a value comes from: a box, an input or a state. */
static bool put_source(const graph *g, const char *name) {
  const flow *l = find(g, name);
  if (!l) return false;
  size_t input = port_index(g, POME_INPUT_PORT, name);
  if (l->maker != NONE) fprintf(g->out, "  op%zu", g->box[l->maker]);
  else if (input != NONE) fprintf(g->out, "  in%zu", input);
  else fprintf(g->out, "  state%zu", port_index(g, POME_STATE_PORT, name));
  return true;
}

static void put_edges(const graph *g) {
  for (size_t i = 0; i < g->count; i++) {
    const pome_operation *op = operation(g, i);
    for (size_t v = 0; !op->constant && g->box[i] == i && v < op->input_count; v++)
      if (put_source(g, op->inputs[v].name)) fprintf(g->out, " -> op%zu;\n", i);
  }
  for (size_t p = 0; p < pome_function_port_count(g->function, POME_OUTPUT_PORT); p++)
    if (put_source(g, pome_function_port(g->function, POME_OUTPUT_PORT, p)->name))
      fprintf(g->out, " -> out%zu;\n", p);
}

static void put_graph(const graph *g) {
  size_t boxes = 0;
  for (size_t i = 0; i < g->count; i++) boxes += g->box[i] == i;
  fputs("digraph model {\n"
        "  graph [rankdir=TB, nodesep=0.25, ranksep=0.3, fontname=\"Helvetica\"];\n"
        "  node [shape=box, style=\"rounded\", margin=\"0.04,0.03\", color=\"#888888\", "
        "fontname=\"Helvetica\", fontsize=11];\n"
        "  edge [color=\"#666666\", arrowsize=0.6];\n",
        g->out);
  if (boxes > MANY_BOXES)
    fputs("  graph [nslimit=1, nslimit1=1, mclimit=0.2, splines=line];\n", g->out);
  for (int kind = POME_INPUT_PORT; kind <= POME_STATE_PORT; kind++)
    for (size_t i = 0; i < pome_function_port_count(g->function, (pome_port_kind)kind); i++)
      put_port(g, (pome_port_kind)kind, i);
  for (size_t i = 0; i < g->count; i++)
    if (g->box[i] == i) put_box(g, i);
  put_edges(g);
  fputs("}\n", g->out);
}

static pome_status draw(graph *g, pome_error *error) {
  g->count = pome_function_operation_count(g->function);
  g->flow_count = list_flows(g);
  g->flows = calloc(g->flow_count + 1, sizeof *g->flows);
  g->box = calloc(g->count + 1, sizeof *g->box);
  g->next = calloc(g->count + 1, sizeof *g->next);
  bool room = g->flows && g->box && g->next;
  if (room) {
    list_flows(g);
    qsort(g->flows, g->flow_count, sizeof *g->flows, by_name);
    count_uses(g);
    room = make_boxes(g);
    if (room) put_graph(g);
  }
  free(g->flows);
  free(g->box);
  free(g->next);
  return room ? POME_OK : pome__fail_memory(error, "the graph");
}

/* ---- files ---- */

static const char *ending(const char *path) {
  const char *dot = strrchr(path, '.');
  return dot && !strchr(dot, '/') ? dot + 1 : "";
}

static pome_status no_dot(pome_error *error) {
  pome__fail(error, POME_UNSUPPORTED,
             "pictures are drawn by Graphviz's dot, which is not installed");
  pome__error_hint(error, "install Graphviz, or give a file whose name ends in .dot");
  return POME_UNSUPPORTED;
}

/* Lets `dot` read `text` and write the picture. */
static pome_status run_dot(FILE *text, const char *format, const char *path, pome_error *error) {
  char kind[16];
  pid_t child;
  int state = 0;
  posix_spawn_file_actions_t actions;
  snprintf(kind, sizeof kind, "-T%s", format);
  char *words[] = {"dot", kind, "-o", (char *)path, NULL};
  rewind(text);
  if (posix_spawn_file_actions_init(&actions) != 0) return pome__fail_memory(error, "dot");
  int failed = posix_spawn_file_actions_adddup2(&actions, fileno(text), 0);
  if (!failed) failed = posix_spawnp(&child, "dot", &actions, NULL, words, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT) return no_dot(error);
  if (failed) return pome__fail(error, POME_IO, "dot cannot be started: %s", strerror(failed));
  while (waitpid(child, &state, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(state) && WEXITSTATUS(state) == 127) return no_dot(error);
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return POME_OK;
  return pome__fail(error, POME_IO, "dot did not write %s", path);
}

pome_status inspect_graph(const pome_function *function, const char *path, pome_error *error) {
  static const char *const formats[] = {"dot", "svg", "png", "pdf"};
  const char *format = ending(path);
  size_t f = 0;
  while (f < 4 && strcmp(formats[f], format) != 0) f++;
  if (f == 4)
    return pome__fail(error, POME_USAGE, "--graph writes .svg, .png, .pdf or .dot, not %s", path);
  if (pome_function_operation_count(function) == 0)
    return pome__fail(error, POME_UNSUPPORTED, "only programs have a graph; this is of type %s",
                      pome_function_type(function));
  graph g = {.function = function, .out = f == 0 ? fopen(path, "w") : tmpfile()};
  if (!g.out)
    return pome__fail(error, POME_IO, "%s: %s", f == 0 ? path : "a temporary file",
                      strerror(errno));
  pome_status status = draw(&g, error);
  bool written = fflush(g.out) == 0 && !ferror(g.out);
  if (status == POME_OK && !written)
    status = pome__fail(error, POME_IO, "%s: %s", path, strerror(errno));
  if (status == POME_OK && f > 0) status = run_dot(g.out, format, path, error);
  fclose(g.out);
  return status;
}
