/* ticker MS: a service that writes a line of 40 bytes every MS milliseconds, as little else as can be. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    static const char line[] = "a line of forty bytes, one of very many\n";
    long ns = (argc > 1 ? atol(argv[1]) : 100) * 1000000L;
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec = (long)getpid() * 7919 % 1000 * 1000000L; /* not all at the same moment */
    at.tv_sec += 1;
    for (;;) {
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, 0);
        if (write(1, line, sizeof line - 1) < 0) return 111;
        at.tv_nsec += ns;
        at.tv_sec += at.tv_nsec / 1000000000L;
        at.tv_nsec %= 1000000000L;
    }
}
