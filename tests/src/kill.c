// Kills the process with SIGKILL before its n-th durable step: a call that changes a file's name, existence, length or
// durability. Tests load it with LD_PRELOAD; CONSILIUM_KILL_AT is n. The programs themselves know nothing of it.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long steps;

static void step(void) {
    static _Atomic long at = -1;
    if (at == -1) {
        const char *text = getenv("CONSILIUM_KILL_AT");
        at = text ? atol(text) : 0;
    }
    if (++steps == at) kill(getpid(), SIGKILL);
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to);

int fsync(int fd) { step(); return NEXT(fsync)(fd); }
int fdatasync(int fd) { step(); return NEXT(fdatasync)(fd); }
int rename(const char *from, const char *to) { step(); return NEXT(rename)(from, to); }
int unlink(const char *path) { step(); return NEXT(unlink)(path); }
int unlinkat(int at, const char *path, int flags) { step(); return NEXT(unlinkat)(at, path, flags); }
int rmdir(const char *path) { step(); return NEXT(rmdir)(path); }
int mkdir(const char *path, mode_t mode) { step(); return NEXT(mkdir)(path, mode); }
int ftruncate64(int fd, off64_t length) { step(); return NEXT(ftruncate64)(fd, length); }
