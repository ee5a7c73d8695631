/* The service of contrib/bench: says once when it began, then does nothing. The clock is read first,
 * so that what follows (a full FIFO, a busy reader) is not part of the figure. */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct birth {
  long long now_ns; /* CLOCK_MONOTONIC, as Python's time.monotonic_ns() */
  int pid;
  char name[52]; /* the service directory's last component */
};

int main(void)
{
  struct timespec now;
  struct birth birth = { 0 };
  char cwd[4096];
  int fd;

  clock_gettime(CLOCK_MONOTONIC, &now);
  birth.now_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
  birth.pid = getpid();
  if (!getcwd(cwd, sizeof cwd)) return 111;
  strncpy(birth.name, strrchr(cwd, '/') + 1, sizeof birth.name - 1);
  fd = open("../../births", O_WRONLY);
  if (fd == -1 || write(fd, &birth, sizeof birth) != sizeof birth) return 111;
  close(fd);
  for (;;) pause();
}
