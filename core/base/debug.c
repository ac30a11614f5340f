/* What the command line asked for, and the counters of --stats: zero until somebody says otherwise.
 */
#include "core/base/debug.h"
#include "core/base/stats.h"

struct fg_debug fg_debug;
struct engine_stats engine_stats;
