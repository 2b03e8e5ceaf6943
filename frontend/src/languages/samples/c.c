#include <stdio.h>

int main(void) {
    char name[64];
    if (scanf("%63s", name) != 1) snprintf(name, sizeof name, "world");
    printf("Hello, %s!\n", name);

    for (int i = 1; i <= 5; i++) printf("%d squared is %d\n", i, i * i);
    return 0;
}
