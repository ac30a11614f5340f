/* chroot keeps its processes inside whatever links and dots they use (as root only; else it is
 * refused). */
#include "fs_test.h"

int main(void) {
    mkdir("jail", 0755);
    mkdir("jail/sub", 0755);
    make_file("outside", "outside");
    make_file("jail/inside", "inside");
    symlink("/inside", "jail/absolute");
    symlink("../../../../outside", "jail/up");
    symlink("/../outside", "jail/up2");
    int dir = open("jail", O_RDONLY | O_DIRECTORY);
    if (getuid() || chroot("jail")) {
        printf("not root\n");
        return 0;
    }
    char buf[PATH_MAX];
    SHOW(chdir("/"));
    printf("%s\n", getcwd(buf, sizeof buf));
    show_text("inside");
    show_text("/inside");
    show_text("absolute");
    show_text("up");
    show_text("up2");
    show_text("../outside");
    show_text("/../../outside");
    SHOW(chdir("sub"));
    printf("%s\n", getcwd(buf, sizeof buf));
    show_text("../../outside");
    show_text("../inside");
    SHOW(chroot("nothing"));
    SHOW(chroot("../inside"));
    show_text("/proc/self/exe");
    SHOW(openat(dir, "../outside", O_RDONLY));
    symlink("/", "/to_root");
    symlink("/sub/..", "/to_root2");
    SHOW(chroot("/to_root"));
    show_text("/inside");
    SHOW(chroot("/to_root2"));
    show_text("/inside");
    return 0;
}
