/* A stand-in for CUDA's runtime library with the prototypes of cuda_runtime_api.h 13. Its device is the host, and has 1 GiB.
   The macros DEVICES and DRIVER choose what it says. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef int cudaError_t;
typedef struct CUstream_st *cudaStream_t;
enum cudaMemcpyKind { HostToHost, HostToDevice, DeviceToHost };

static cudaStream_t the_stream = (cudaStream_t)0x1234;
static int chosen = -1;

cudaError_t cudaGetDeviceCount(int *count) { *count = DEVICES; return DEVICES ? 0 : 100; }
cudaError_t cudaSetDevice(int device) { chosen = device; return device < DEVICES ? 0 : 101; }
cudaError_t cudaDriverGetVersion(int *version) { *version = DRIVER; return 0; }
cudaError_t cudaRuntimeGetVersion(int *version) { *version = 13000; return 0; }
cudaError_t cudaGetLastError(void) { return 0; }
const char *cudaGetErrorString(cudaError_t error) {
  return error == 2 ? "out of memory" : error == 100 ? "no CUDA-capable device is detected" : "invalid argument";
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned int flags) { *stream = the_stream; return flags == 1 ? 0 : 1; }
cudaError_t cudaStreamDestroy(cudaStream_t stream) { return stream == the_stream ? 0 : 1; }
cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return stream == the_stream ? 0 : 1; }

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) { *free = (size_t)123 << 20; *total = (size_t)1 << 30; return 0; }
cudaError_t cudaMalloc(void **memory, size_t size) {
  if (chosen < 0 || size > (size_t)1 << 30)
    return 2;
  *memory = malloc(size);
  return 0;
}
cudaError_t cudaFree(void *memory) { free(memory); return 0; }
cudaError_t cudaHostRegister(void *memory, size_t size, unsigned int flags) { return memory && size && !flags ? 0 : 1; }
cudaError_t cudaHostUnregister(void *memory) { return memory ? 0 : 1; }
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t count, enum cudaMemcpyKind kind, cudaStream_t stream) {
  if (stream != the_stream || (kind != HostToDevice && kind != DeviceToHost))
    return 1;
  memcpy(to, from, count);
  return 0;
}
