/* core/mentions.py, which is its spec, in one pass over the lines.

   Most lines are done with by one memchr and a look at their begin; a pid is looked up only where it
   is not the last line's. Limited API: one build serves every Python from 3.11 on. */

#define Py_LIMITED_API 0x030b0000
#include <Python.h>
#include <string.h>

#define COMMAND_BYTES 4
#define PID_BYTES 10

struct text {
    const char *at, *end;
};

struct wanted {
    struct text commands, asks;
    PyObject *watched, *known; /* known: NULL if no other pid is wanted */
    PyObject *done;            /* the pids whose first line, or begin, was found */
    struct text last;          /* the pid of the last line, of which no more is wanted */
};

static int is_letter(char byte)
{
    return (byte & 0xdf) >= 'A' && (byte & 0xdf) <= 'Z';
}

static int begins(const struct text *line, const char *command, Py_ssize_t size)
{
    for (Py_ssize_t i = 0; i < size; i++)
        if ((line->at[i] & 0xdf) != command[i])
            return 0;
    return 1;
}

/* Does the client say a command, or the begin of one that goes on in the next line? */
static int is_command(struct text line, const struct text *commands)
{
    while (line.at < line.end && (*line.at == ' ' || *line.at == '\t'))
        line.at++;
    Py_ssize_t size = line.end - line.at;
    for (const char *it = commands->at; it < commands->end; it += COMMAND_BYTES) {
        if (!size || (*line.at & 0xdf) != *it)
            continue;
        if (size >= COMMAND_BYTES && begins(&line, it, COMMAND_BYTES)
            && (memcmp(it, "AUTH", COMMAND_BYTES) || size == COMMAND_BYTES
                || !is_letter(line.at[COMMAND_BYTES])))
            return 1;
        if (size - 1 <= COMMAND_BYTES && line.end[-1] == '+' && begins(&line, it, size - 1))
            return 1;
    }
    return 0;
}

/* Cut a pid off a line's begin; 0: none is there. */
static int take_pid(struct text *line, struct text *pid)
{
    pid->at = line->at;
    while (line->at < line->end && *line->at >= '0' && *line->at <= '9')
        line->at++;
    pid->end = line->at;
    return pid->end > pid->at && pid->end - pid->at <= PID_BYTES;
}

static int is_there(const struct text *line, const char *what, Py_ssize_t size)
{
    return line->end - line->at >= size && !memcmp(line->at, what, size);
}

static int is_same(const struct text *one, const struct text *other)
{
    Py_ssize_t size = one->end - one->at;
    return size == other->end - other->at && other->at && !memcmp(one->at, other->at, size);
}

/* Is a pid's first line wanted, or its begin? -1: an exception. */
static int is_wanted(struct wanted *wanted, const struct text *pid, int is_begin)
{
    int is = 0;
    if (!is_begin && is_same(pid, &wanted->last))
        return 0;
    PyObject *key = PyBytes_FromStringAndSize(pid->at, pid->end - pid->at);
    if (!key)
        return -1;
    if (wanted->known)
        is = is_begin ? 1 : !PyDict_Contains(wanted->known, key);
    else
        is = PyDict_Contains(wanted->watched, key);
    if (is > 0 && !is_begin)
        is = !PySet_Contains(wanted->done, key);
    if (is > 0 && PySet_Add(wanted->done, key) < 0)
        is = -1;
    Py_DECREF(key);
    wanted->last = *pid;
    return PyErr_Occurred() ? -1 : is;
}

#define BEGIN "tcpserver: pid "

/* -1: an exception. */
static int concerns(struct wanted *wanted, struct text line)
{
    struct text pid;
    int looks = wanted->known || PyDict_Size(wanted->watched) > 0;
    if (is_there(&line, BEGIN, sizeof BEGIN - 1)) {
        line.at += sizeof BEGIN - 1;
        return looks && take_pid(&line, &pid) && is_there(&line, " ", 1)
                   ? is_wanted(wanted, &pid, 1)
                   : 0;
    }
    if (!take_pid(&line, &pid))
        return 0;
    int is_client = is_there(&line, " < ", 3);
    if (!is_client && !is_there(&line, " > ", 3))
        return 0;
    line.at += 3;
    int is = looks ? is_wanted(wanted, &pid, 0) : 0;
    if (is)
        return is;
    Py_ssize_t size = wanted->asks.end - wanted->asks.at;
    return is_client ? is_command(line, &wanted->commands)
                     : size && is_there(&line, wanted->asks.at, size);
}

static int append(PyObject *places, Py_ssize_t at)
{
    PyObject *number = PyLong_FromSsize_t(at);
    int code = number ? PyList_Append(places, number) : -1;
    Py_XDECREF(number);
    return code;
}

static int find(PyObject *places, struct wanted *wanted, struct text data)
{
    struct text line = data;
    const char *next;
    for (; line.at < data.end; line.at = next) {
        line.end = memchr(line.at, '\n', data.end - line.at);
        if (!line.end)
            line.end = data.end;
        next = line.end + (line.end < data.end);
        int is = concerns(wanted, line);
        if (is < 0 || (is && append(places, line.at - data.at) < 0))
            return -1;
    }
    return 0;
}

static int text_of(PyObject *bytes, struct text *text)
{
    text->at = PyBytes_AsString(bytes);
    text->end = text->at + PyBytes_Size(bytes);
    return text->at ? 0 : -1;
}

PyDoc_STRVAR(find_doc, "find(data, commands, asks, watched, known) -> list\n\n"
                       "As core.mentions.find.");

static PyObject *mentions_find(PyObject *module, PyObject *args)
{
    PyObject *given[3], *known;
    struct wanted wanted = { 0 };
    struct text data;
    (void)module;
    if (!PyArg_ParseTuple(args, "SSSO!O", &given[0], &given[1], &given[2], &PyDict_Type,
                          &wanted.watched, &known))
        return NULL;
    if (text_of(given[0], &data) < 0 || text_of(given[1], &wanted.commands) < 0
        || text_of(given[2], &wanted.asks) < 0)
        return NULL;
    if ((wanted.commands.end - wanted.commands.at) % COMMAND_BYTES
        || (known != Py_None && !PyDict_Check(known))) {
        PyErr_SetString(PyExc_ValueError, "commands have 4 bytes, and known is a dict or None");
        return NULL;
    }
    wanted.known = known == Py_None ? NULL : known;
    wanted.done = PySet_New(NULL);
    PyObject *places = PyList_New(0);
    if (!wanted.done || !places || find(places, &wanted, data) < 0)
        Py_CLEAR(places);
    Py_XDECREF(wanted.done);
    return places;
}

static PyMethodDef methods[] = {
    { "find", mentions_find, METH_VARARGS, find_doc },
    { NULL, NULL, 0, NULL },
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_mentions", NULL, 0, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__mentions(void)
{
    return PyModule_Create(&module);
}
