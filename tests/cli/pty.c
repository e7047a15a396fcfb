/* Types on a terminal: pty COMMAND... runs a command on a pseudo-terminal of its own and follows
 * the steps on its standard input, a line each:
 *
 *   wait TEXT   until the output goes on with TEXT somewhere; at most 20 seconds
 *   send TEXT   types it; \n \t \e \\ and \xHH are understood
 *   kill        asks the command to end: SIGTERM
 *
 * Then it waits for the command and prints "exit N". When a text does not come it shows what came
 * since, and its exit status is 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MOST_SECONDS 20

static char output[1 << 20];
static size_t size, looked; /* output so far, and where to look from */

static void fail(const char *message, const char *text) {
  printf("%s: %s\n---- since the last step:\n", message, text);
  fwrite(output + looked, 1, size - looked, stdout);
  printf("\n----\n");
  exit(1);
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* False at the end of the output. */
static bool read_some(int terminal, double until) {
  struct pollfd in = {.fd = terminal, .events = POLLIN};
  double left = until - seconds();
  if (left <= 0 || poll(&in, 1, (int)(left * 1e3) + 1) == 0) return true;
  if (size == sizeof output - 1) fail("too much output", "");
  ssize_t n = read(terminal, output + size, sizeof output - 1 - size);
  if (n > 0) size += (size_t)n;
  output[size] = '\0';
  return n > 0 || errno == EINTR;
}

static void wait_for(int terminal, const char *text) {
  double until = seconds() + MOST_SECONDS;
  for (bool open = true;;) {
    const char *found = memmem(output + looked, size - looked, text, strlen(text));
    if (found != NULL) {
      looked = (size_t)(found - output) + strlen(text);
      return;
    }
    if (!open || seconds() > until) fail("this did not come", text);
    open = read_some(terminal, until);
  }
}

static void type(int terminal, const char *text) {
  char bytes[4096];
  size_t count = 0;
  unsigned code;
  for (const char *at = text; *at && count < sizeof bytes; at++) {
    char c = *at;
    if (c == '\\') {
      c = *++at;
      if (c == 'n') c = '\n';
      else if (c == 't') c = '\t';
      else if (c == 'e') c = '\033';
      else if (c == 'x' && sscanf(at + 1, "%2x", &code) == 1) c = (char)code, at += 2;
    }
    bytes[count++] = c;
  }
  if (write(terminal, bytes, count) != (ssize_t)count) fail("cannot type", text);
}

static int open_terminal(void) {
  int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) {
    perror("pty");
    exit(77);
  }
  return terminal;
}

static pid_t start(int terminal, char **words) {
  const char *name = ptsname(terminal);
  pid_t child = fork();
  if (child != 0) return child;
  setsid();
  int side = open(name, O_RDWR);
  if (side < 0) _exit(127);
  ioctl(side, TIOCSCTTY, 0);
  for (int fd = 0; fd < 3; fd++) dup2(side, fd);
  if (side > 2) close(side);
  close(terminal);
  execvp(words[0], words);
  _exit(127);
}

int main(int count, char **words) {
  char line[4096];
  struct winsize window = {.ws_row = 24, .ws_col = 80};
  if (count < 2) {
    fputs("usage: pty COMMAND...\n", stderr);
    return 2;
  }
  int terminal = open_terminal();
  ioctl(terminal, TIOCSWINSZ, &window);
  pid_t child = start(terminal, words + 1);
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "wait ", 5) == 0) wait_for(terminal, line + 5);
    else if (strncmp(line, "send ", 5) == 0) type(terminal, line + 5);
    else if (strcmp(line, "kill") == 0) kill(child, SIGTERM);
    else if (line[0] != '\0') fail("an unknown step", line);
  }
  double until = seconds() + MOST_SECONDS;
  while (read_some(terminal, until))
    if (seconds() > until) {
      kill(child, SIGKILL);
      fail("it does not end", "");
    }
  int status;
  waitpid(child, &status, 0);
  printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
  return 0;
}
