"""What makes the kernel hold memory: C, done by some children, which then wait; in all more than 100 MiB."""

HOLDS = {
    "mappings": """
        size_t n = 60000; char *a = mmap(0, n * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        for (size_t i = 0; i < n; i += 2) mprotect(a + i * 4096, 4096, PROT_READ);""",
    "sets of epoll": """
        int sets[100], n = 0, files[60];
        while (n < 100) sets[n++] = epoll_create1(0);
        for (int i = 0; i < 60; i++) files[i] = eventfd(0, 0);
        for (int d = 170; d < 256; d++)
            for (int i = 0; i < 60 && dup2(files[i], d) >= 0; i++)
                for (int k = 0; k < n; k++) {
                    struct epoll_event e = {EPOLLIN}; epoll_ctl(sets[k], EPOLL_CTL_ADD, d, &e);
                }""",
    "pipes": """
        static char block[65536]; int p[2];
        while (pipe(p) == 0) { fcntl(p[1], F_SETFL, O_NONBLOCK); while (write(p[1], block, sizeof block) > 0); }""",
    "locks": """
        for (int j = 0; j < 240; j++) {
            char name[32]; sprintf(name, "%d-%d", getpid(), j); int f = open(name, O_CREAT | O_RDWR, 0600);
            for (int i = 400; i > 0; i--) { struct flock l = {F_WRLCK, SEEK_SET, i * 2, 1}; fcntl(f, F_SETLK, &l); }
        }""",
}  # fmt: skip
