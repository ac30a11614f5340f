/* A Windows program: threads, exceptions of the processor and of its own, code made at run time,
 * files, a pipe to a child, sockets. */
#include <winsock2.h>
#include <windows.h>

#include <math.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static LONG count;
static int sum;
static CRITICAL_SECTION section;

static DWORD WINAPI work(void *number) {
    for (int i = 0; i < 20000; i++) {
        InterlockedIncrement(&count);
        EnterCriticalSection(&section);
        sum += i;
        LeaveCriticalSection(&section);
    }
    return (DWORD)(INT_PTR)number;
}

static void threads(void) {
    HANDLE thread[4];
    DWORD code;
    InitializeCriticalSection(&section);
    for (int i = 0; i < 4; i++) {
        thread[i] = CreateThread(NULL, 0, work, (void *)(INT_PTR)i, 0, NULL);
    }
    WaitForMultipleObjects(4, thread, TRUE, INFINITE);
    for (int i = 0; i < 4; i++) {
        GetExitCodeThread(thread[i], &code);
        printf("thread ended with %lu\n", code);
    }
    printf("%ld %d\n", count, sum);
}

static int word = 1;

/* Each exception is mended where it happened, and the program goes on. */
static LONG CALLBACK mend(EXCEPTION_POINTERS *e) {
    const EXCEPTION_RECORD *record = e->ExceptionRecord;
    printf("exception %lx", record->ExceptionCode);
    for (unsigned i = 0; i < record->NumberParameters; i++) {
        printf(" %llx", (unsigned long long)record->ExceptionInformation[i]);
    }
    printf("\n");
    switch (record->ExceptionCode) {
    case EXCEPTION_ACCESS_VIOLATION:
        e->ContextRecord->Rax = (DWORD64)&word;
        break;
    case EXCEPTION_INT_DIVIDE_BY_ZERO:
        e->ContextRecord->Rcx = 5;
        break;
    case EXCEPTION_ILLEGAL_INSTRUCTION:
        e->ContextRecord->Rip += 2;
        break;
    case EXCEPTION_BREAKPOINT:
        e->ContextRecord->Rip += 1;
        break;
    case EXCEPTION_SINGLE_STEP:
    case 0xe0001234:
        break;
    default:
        return EXCEPTION_CONTINUE_SEARCH;
    }
    return EXCEPTION_CONTINUE_EXECUTION;
}

static void exceptions(void) {
    int quotient;
    AddVectoredExceptionHandler(1, mend);
    __asm__ volatile("xor %%eax, %%eax; mov $7, %%ecx; mov %%ecx, (%%rax)" ::
                         : "rax", "rcx", "memory");
    printf("word %d\n", word);
    __asm__ volatile("mov $40, %%eax; xor %%edx, %%edx; xor %%ecx, %%ecx; div %%ecx"
                     : "=a"(quotient)::"rcx", "rdx");
    printf("quotient %d\n", quotient);
    __asm__ volatile("ud2; int3");
    __asm__ volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" ::: "memory", "cc");
    RaiseException(0xe0001234, 0, 0, NULL);
}

static void code(void) {
    unsigned char *page = VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_READWRITE);
    unsigned char *open =
        VirtualAlloc(NULL, 4096, MEM_COMMIT | MEM_RESERVE, PAGE_EXECUTE_READWRITE);
    DWORD old;
    int bad = 0;
    for (int i = 0; i < 100; i++) {
        unsigned char text[] = {0xb8, (unsigned char)i, 1, 0, 0, 0xc3};
        VirtualProtect(page, 4096, PAGE_READWRITE, &old);
        memcpy(page, text, sizeof text);
        VirtualProtect(page, 4096, PAGE_EXECUTE_READ, &old);
        memcpy(open, text, sizeof text);
        bad += ((int (*)(void))page)() != 256 + i;
        bad += ((int (*)(void))open)() != 256 + i;
    }
    printf("made code: %d wrong\n", bad);
}

static void files(void) {
    DWORD n;
    char text[9] = {0};
    HANDLE file =
        CreateFileA("w.tmp", GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, 0, NULL);
    WriteFile(file, "hello", 5, &n, NULL);
    SetFilePointer(file, 1, NULL, FILE_BEGIN);
    ReadFile(file, text, 8, &n, NULL);
    printf("%lu %s\n", n, text);
    HANDLE mapping = CreateFileMappingA(file, NULL, PAGE_READWRITE, 0, 8192, NULL);
    char *view = MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0);
    view[4096] = 'x';
    printf("%c%c\n", view[0], view[4096]);
    UnmapViewOfFile(view);
    CloseHandle(mapping);
    CloseHandle(file);
    DeleteFileA("w.tmp");
}

static void child(const char *name) {
    HANDLE in, out;
    DWORD n;
    char line[300];
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    PROCESS_INFORMATION process;
    CreatePipe(&in, &out, &inherited, 0);
    STARTUPINFOA start = {.cb = sizeof start,
                          .dwFlags = STARTF_USESTDHANDLES,
                          .hStdInput = in,
                          .hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE),
                          .hStdError = GetStdHandle(STD_ERROR_HANDLE)};
    snprintf(line, sizeof line, "%s child", name);
    WriteFile(out, "piped", 5, &n, NULL);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &start, &process)) {
        printf("no child\n");
        return;
    }
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &n);
    printf("child ended with %lu\n", n);
}

static void sockets(void) {
    WSADATA data;
    char text[9] = {0};
    struct sockaddr_in at = {.sin_family = AF_INET};
    int length = sizeof at;
    WSAStartup(0x202, &data);
    SOCKET server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(server, (struct sockaddr *)&at, sizeof at);
    listen(server, 1);
    getsockname(server, (struct sockaddr *)&at, &length);
    connect(client, (struct sockaddr *)&at, length);
    SOCKET accepted = accept(server, NULL, NULL);
    send(client, "net", 3, 0);
    recv(accepted, text, 8, 0);
    printf("%s\n", text);
}

static int by_value(const void *a, const void *b) {
    return *(const int *)a - *(const int *)b;
}

static jmp_buf back;
static int numbers[100000];

int main(int argc, char **argv) {
    if (argc > 1) {
        char text[100];
        DWORD n;
        ReadFile(GetStdHandle(STD_INPUT_HANDLE), text, sizeof text, &n, NULL);
        printf("child got %.*s\n", (int)n, text);
        return 9;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    threads();
    exceptions();
    code();
    files();
    child(argv[0]);
    sockets();
    srand(1);
    for (int i = 0; i < 100000; i++) {
        numbers[i] = rand();
    }
    qsort(numbers, 100000, sizeof numbers[0], by_value);
    printf("%d %d %d\n", numbers[0], numbers[50000], numbers[99999]);
    printf("%.15g %.15g %.15g\n", sin(1), pow(2, 0.5), atan2(1, 2));
    if (!setjmp(back)) {
        longjmp(back, 1);
    }
    Sleep(20);
    return 3;
}
