/* Optional accelerator of the starter: a process that waits, without a shell or a fork. See direct.py.
 *
 * The child shares our memory until it executes, and waits on a word in it, while we go on. It has a
 * stack of its own, all signals blocked and descriptors 0 to 2, and does nothing but system calls, by
 * itself: the C library's would write our errno. Our death kills it (PDEATHSIG) until the very moment
 * before it executes, or becomes another account: then it goes on, recorded, as after the exec.
 *
 * Linux 5.9: close_range. Source: clone(2), prctl(2), futex(2).
 */
#define _GNU_SOURCE
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE (1U << 1)
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

#if defined __x86_64__ && defined __LP64__
static inline long call(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined __aarch64__ && defined __LP64__
static inline long call(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}
#else
#error "no system calls for this machine: a shell starts the services"
#endif
#define CALL(number, a, b, c, d) call(number, (long)(a), (long)(b), (long)(c), (long)(d))

enum { SIGNALS = 64, STACK = 4096, PATH = 48 };
enum { WAIT, GO, AWAY };
enum { STDIN, STDOUT, STDERR, STREAMS };
enum { EXECUTE, NICE, SETGID, SETUID, CHDIR }; /* what may fail; direct.py has the words */
enum { LIMITS = 32, AS_IS = -1, NO_NICE = 100 };

struct limit {
    uint64_t which, soft;
};

/* What a service is given: signals as the kernel's sets, bit 0 is signal 1; then what [run] asks
 * for, of which the account comes before the directory, as an account must not get where it may
 * not go, and before the limits, as a limit on processes is for the account. */
struct given {
    PyObject *environment; /* tuple of bytes, alive as long as `words` points into them */
    char **words;
    uint64_t mask, defaults;
    uint64_t descriptors[2]; /* the limit, soft and hard */
    PyObject *names;         /* likewise for `directory` and `path` */
    char *directory, *path;  /* where ./run begins, 0: in the service directory; ./run from there */
    long long uid, gid;      /* AS_IS: our own */
    int session, umask, nice;
    struct limit limits[LIMITS];
    size_t count;
};

/* A process, from the moment that it waits. The stack goes as soon as it has left our memory; this
 * stays for its error, as long as anybody can ask. */
struct process {
    int is_here; /* cleared by the kernel when the child executed or died: then the stack is free */
    int word;    /* WAIT until it is told */
    int error;   /* why ./run could not be executed */
    int step;    /* what it was that failed */
    int parent, directory, streams[STREAMS];
    int is_dropped; /* nobody will ask any more */
    const struct given *given;
    PyObject *holder; /* of `given` */
    void *stack;
    struct process *next;
};

/* The kernel's own sigaction, on both machines. */
struct action {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
};
static const struct action default_action;

/* in the child: nothing here may call the C library, write its variables, or return */

__attribute__((noreturn)) static void leave(int code)
{
    for (;;) CALL(SYS_exit_group, code, 0, 0, 0);
}

/* Report a system call's negative result, if it is one, and leave. */
static long check(struct process *process, long result)
{
    if (result < 0) {
        process->error = (int)-result;
        leave(111);
    }
    return result;
}

static char *put_number(char *to, unsigned number)
{
    if (number > 9) to = put_number(to, number / 10);
    *to = (char)('0' + number % 10);
    return to + 1;
}

static char *put(char *to, const char *from)
{
    while (*from) *to++ = *from++;
    return to;
}

/* Name a descriptor of our parent's: we have let go of them all. */
static const char *name(char path[PATH], const struct process *process, int descriptor)
{
    char *end = put(path, "/proc/");
    end = put_number(end, (unsigned)process->parent);
    end = put(end, "/fd/");
    end = put_number(end, (unsigned)descriptor);
    *end = 0;
    return path;
}

/* Open our parent's FIFO afresh, as one of 0 to 2. */
static void open_stream(struct process *process, int number, int flags)
{
    char path[PATH];
    long opened;
    if (process->streams[number] < 0) return;
    name(path, process, process->streams[number]);
    opened = check(process, CALL(SYS_openat, AT_FDCWD, path, flags, 0));
    check(process, CALL(SYS_dup3, opened, number, 0, 0));
    check(process, CALL(SYS_close, opened, 0, 0, 0));
}

/* What Python ignores and what it catches becomes as it was given to us. An exec resets what is
 * caught as well, but too late for a signal that came while all were blocked. */
static void restore_signals(struct process *process)
{
    struct action old;
    int number, is_ours;
    for (number = 1; number <= SIGNALS; ++number) {
        if (CALL(SYS_rt_sigaction, number, 0, &old, sizeof old.mask) < 0) continue;
        is_ours = process->given->defaults >> (number - 1) & 1;
        if (is_ours || (old.handler != (void *)SIG_DFL && old.handler != (void *)SIG_IGN))
            CALL(SYS_rt_sigaction, number, &default_action, 0, sizeof old.mask);
    }
}

/* Wait to be told; our parent's death is the end, also where it came before we could say so. */
static void wait_for_word(struct process *process)
{
    check(process, CALL(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0));
    if (CALL(SYS_getppid, 0, 0, 0, 0) != process->parent) leave(0);
    check(process, CALL(SYS_close_range, 3, ~0U, CLOSE_RANGE_UNSHARE, 0));
    while (__atomic_load_n(&process->word, __ATOMIC_ACQUIRE) == WAIT)
        CALL(SYS_futex, &process->word, FUTEX_WAIT_PRIVATE, WAIT, 0);
    if (process->word == AWAY) leave(0);
}

/* From here on our memory is one with that of another account's process. The kernel makes it
 * undumpable at the first change: so whoever has the account can neither trace this process nor
 * see its memory, and, our word being the last, have it dumped on any kernel. */
static void become_account(struct process *process, const struct given *given)
{
    const uint32_t group = (uint32_t)given->gid;
    process->step = SETGID;
    check(process, CALL(SYS_setgroups, 1, &group, 0, 0));
    check(process, CALL(SYS_setgid, group, 0, 0, 0));
    process->step = SETUID;
    check(process, CALL(SYS_setuid, given->uid, 0, 0, 0));
    check(process, CALL(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0));
}

/* Do what [run] asks for, in its order. */
static void arrange(struct process *process, const struct given *given)
{
    if (given->session) CALL(SYS_setsid, 0, 0, 0, 0); /* cannot fail: no group has this name */
    if (given->umask != AS_IS) CALL(SYS_umask, given->umask, 0, 0, 0);
    process->step = NICE;
    if (given->nice != NO_NICE) check(process, CALL(SYS_setpriority, PRIO_PROCESS, 0, given->nice, 0));
    if (given->uid != AS_IS) become_account(process, given);
    process->step = CHDIR;
    if (given->directory) check(process, CALL(SYS_chdir, given->directory, 0, 0, 0));
    process->step = EXECUTE;
}

/* Set the soft limits, none above its hard one. */
static void set_limits(struct process *process, const struct given *given)
{
    uint64_t pair[2]; /* soft and hard */
    size_t i;
    check(process, CALL(SYS_prlimit64, 0, RLIMIT_NOFILE, given->descriptors, 0));
    for (i = 0; i < given->count; ++i) {
        check(process, CALL(SYS_prlimit64, 0, given->limits[i].which, 0, pair));
        pair[0] = given->limits[i].soft < pair[1] ? given->limits[i].soft : pair[1];
        check(process, CALL(SYS_prlimit64, 0, given->limits[i].which, pair, 0));
    }
}

static int become_run(void *argument)
{
    struct process *process = argument;
    const struct given *given = process->given;
    char path[PATH];
    char *const words[] = {given->path, 0};

    wait_for_word(process);
    open_stream(process, STDIN, O_RDONLY);
    open_stream(process, STDOUT, O_RDWR);
    open_stream(process, STDERR, O_RDWR);
    check(process, CALL(SYS_chdir, name(path, process, process->directory), 0, 0, 0));
    arrange(process, given);
    set_limits(process, given);
    restore_signals(process);
    check(process, CALL(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0));
    check(process, CALL(SYS_rt_sigprocmask, SIG_SETMASK, &given->mask, 0, sizeof given->mask));
    check(process, CALL(SYS_execve, given->path, words, given->words, 0));
    leave(111);
}

/* in the parent */

static struct process *with_stack; /* those that may still stand on theirs */

/* Take the stacks of those that have left our memory; keep one of them for the next. */
static void *take_back_stacks(void)
{
    struct process **link = &with_stack, *process;
    void *stack = 0;
    while ((process = *link)) {
        if (__atomic_load_n(&process->is_here, __ATOMIC_ACQUIRE)) {
            link = &process->next;
            continue;
        }
        *link = process->next;
        if (stack)
            munmap(process->stack, STACK);
        else
            stack = process->stack;
        process->stack = 0;
        Py_CLEAR(process->holder);
        if (process->is_dropped) free(process);
    }
    return stack;
}

static void *make_stack(void)
{
    void *stack = take_back_stacks();
    if (stack) return stack;
    stack = mmap(0, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return stack == MAP_FAILED ? 0 : stack;
}

static void tell(struct process *process, int word)
{
    __atomic_store_n(&process->word, word, __ATOMIC_RELEASE);
    syscall(SYS_futex, &process->word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void drop_process(PyObject *capsule)
{
    struct process *process = PyCapsule_GetPointer(capsule, "process");
    if (process->word == WAIT) tell(process, AWAY);
    process->is_dropped = 1;
    if (!process->stack) free(process);
}

static void drop_given(PyObject *capsule)
{
    struct given *given = PyCapsule_GetPointer(capsule, "given");
    Py_XDECREF(given->environment);
    Py_XDECREF(given->names);
    free(given->words);
    free(given);
}

static char **words_of(PyObject *environment)
{
    Py_ssize_t count = PyTuple_Size(environment), i;
    char **words;
    if (count < 0) return 0;
    words = calloc((size_t)count + 1, sizeof *words);
    if (!words) {
        PyErr_NoMemory();
        return 0;
    }
    for (i = 0; i < count; ++i)
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(environment, i), &words[i], 0) < 0) {
            free(words);
            return 0;
        }
    return words;
}

/* Read pairs of 64-bit numbers: a resource and its soft limit. */
static int read_limits(struct given *made, PyObject *limits)
{
    char *bytes;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(limits, &bytes, &size) < 0) return -1;
    made->count = (size_t)size / sizeof *made->limits;
    if (made->count > LIMITS || made->count * sizeof *made->limits != (size_t)size) {
        PyErr_SetString(PyExc_ValueError, "no pairs, or too many");
        return -1;
    }
    memcpy(made->limits, bytes, (size_t)size);
    return 0;
}

/* Point at a tuple of two names, of which the first may be None. */
static int read_names(struct given *made, PyObject *names)
{
    PyObject *directory;
    if (PyTuple_Size(names) != 2) {
        if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "not two names");
        return -1;
    }
    Py_INCREF(names);
    made->names = names;
    directory = PyTuple_GetItem(names, 0);
    if (directory != Py_None && PyBytes_AsStringAndSize(directory, &made->directory, 0) < 0) return -1;
    return PyBytes_AsStringAndSize(PyTuple_GetItem(names, 1), &made->path, 0);
}

static int read_environment(struct given *made, PyObject *environment)
{
    made->words = words_of(environment);
    if (!made->words) return -1;
    Py_INCREF(environment);
    made->environment = environment;
    return 0;
}

static PyObject *given(PyObject *self, PyObject *arguments)
{
    PyObject *environment, *names, *limits, *capsule;
    unsigned long long mask, defaults, soft, hard;
    long long uid, gid;
    int session, umask, nice;
    struct given *made;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "OKKKKOOLLiii", &environment, &mask, &defaults, &soft, &hard,
                          &names, &limits, &uid, &gid, &session, &umask, &nice))
        return 0;
    made = calloc(1, sizeof *made);
    if (!made) return PyErr_NoMemory();
    *made = (struct given){.mask = mask, .defaults = defaults, .descriptors = {soft, hard},
                           .uid = uid, .gid = gid, .session = session, .umask = umask, .nice = nice};
    capsule = PyCapsule_New(made, "given", drop_given);
    if (!capsule) {
        free(made);
        return 0;
    }
    if (read_environment(made, environment) < 0 || read_names(made, names) < 0 ||
        read_limits(made, limits) < 0) {
        Py_DECREF(capsule);
        return 0;
    }
    return capsule;
}

/* Give a child its stack and have it wait; all signals are blocked in it from its first moment. */
static int make_child(struct process *process, int *pidfd)
{
    const int flags = CLONE_VM | CLONE_FILES | CLONE_PIDFD | CLONE_CHILD_CLEARTID | SIGCHLD;
    sigset_t all, old;
    int pid, error;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid = clone(become_run, (char *)process->stack + STACK, flags, process, pidfd, 0, &process->is_here);
    error = errno;
    pthread_sigmask(SIG_SETMASK, &old, 0);
    errno = error;
    return pid;
}

static PyObject *wait_(PyObject *self, PyObject *holder)
{
    struct given *given = PyCapsule_GetPointer(holder, "given");
    struct process *process;
    PyObject *capsule;
    int pid, pidfd = -1;
    (void)self;
    if (!given) return 0;
    process = calloc(1, sizeof *process);
    if (!process) return PyErr_NoMemory();
    capsule = PyCapsule_New(process, "process", drop_process);
    if (!capsule) {
        free(process);
        return 0;
    }
    process->word = AWAY; /* so far there is nobody to be told */
    process->stack = make_stack();
    if (!process->stack) {
        Py_DECREF(capsule);
        return PyErr_NoMemory();
    }
    Py_INCREF(holder);
    process->holder = holder;
    process->given = given;
    process->parent = getpid();
    process->next = with_stack;
    with_stack = process;
    process->word = WAIT;
    process->is_here = 1;
    pid = make_child(process, &pidfd);
    if (pid < 0) {
        process->word = AWAY;
        process->is_here = 0; /* its stack is the next one's */
        PyErr_SetFromErrno(PyExc_OSError);
        Py_DECREF(capsule);
        return 0;
    }
    return Py_BuildValue("iiN", pid, pidfd, capsule);
}

static PyObject *go(PyObject *self, PyObject *arguments)
{
    PyObject *capsule;
    struct process *process;
    int directory, in, out, error;
    (void)self;
    if (!PyArg_ParseTuple(arguments, "Oiiii", &capsule, &directory, &in, &out, &error)) return 0;
    process = PyCapsule_GetPointer(capsule, "process");
    if (!process) return 0;
    if (!__atomic_load_n(&process->is_here, __ATOMIC_ACQUIRE)) Py_RETURN_FALSE;
    process->directory = directory;
    process->streams[STDIN] = in;
    process->streams[STDOUT] = out;
    process->streams[STDERR] = error;
    tell(process, GO);
    Py_RETURN_TRUE;
}

static PyObject *cancel(PyObject *self, PyObject *capsule)
{
    struct process *process = PyCapsule_GetPointer(capsule, "process");
    (void)self;
    if (!process) return 0;
    if (process->word == WAIT) tell(process, AWAY);
    Py_RETURN_NONE;
}

static PyObject *failure(PyObject *self, PyObject *capsule)
{
    struct process *process = PyCapsule_GetPointer(capsule, "process");
    (void)self;
    return process ? Py_BuildValue("ii", process->error, process->step) : 0;
}

static PyObject *is_here(PyObject *self, PyObject *capsule)
{
    struct process *process = PyCapsule_GetPointer(capsule, "process");
    (void)self;
    return process ? PyBool_FromLong(__atomic_load_n(&process->is_here, __ATOMIC_ACQUIRE)) : 0;
}

static PyObject *show(PyObject *self, PyObject *is_shown)
{
    int wanted = PyObject_IsTrue(is_shown);
    (void)self;
    if (wanted < 0) return 0;
    if (prctl(PR_SET_DUMPABLE, wanted, 0, 0, 0) < 0) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(given_doc, "Keep what a service is given: environment (a tuple of bytes), blocked signals, signals\n"
                        "to set to their default (bits, 1 is signal 1), soft and hard limit of descriptors,\n"
                        "(directory or None, path of run), limits (pairs of 64 bits: resource, soft), uid and\n"
                        "gid (-1: as they are), session, umask (-1: as it is), nice (100: as it is).");
PyDoc_STRVAR(wait_doc, "Have a process wait: its pid, its pidfd (the caller's), and what the others want.");
PyDoc_STRVAR(go_doc, "Let it become ./run of this directory, with these FIFOs as 0, 1, 2 (-1: as they are).\n"
                     "False: it is dead.");
PyDoc_STRVAR(cancel_doc, "Let it exit, if it waits.");
PyDoc_STRVAR(show_doc, "Let our children and whoever has our account see us in /proc, as after an exec; or not.");
PyDoc_STRVAR(failure_doc, "Say why ./run could not be executed: an errno, or 0, and the step that failed (0: the\n"
                          "last one); to be asked after its death.");
PyDoc_STRVAR(is_here_doc, "Say whether it still shares our memory: it has neither executed ./run nor died.");

static PyMethodDef methods[] = {
    {"given", given, METH_VARARGS, given_doc},    {"wait", wait_, METH_O, wait_doc},
    {"go", go, METH_VARARGS, go_doc},             {"cancel", cancel, METH_O, cancel_doc},
    {"failure", failure, METH_O, failure_doc},    {"show", show, METH_O, show_doc},
    {"is_here", is_here, METH_O, is_here_doc},
    {0, 0, 0, 0},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_start", "Processes that wait; see direct.py.", -1, methods, 0, 0, 0, 0,
};

PyMODINIT_FUNC PyInit__start(void)
{
    return PyModule_Create(&module);
}
