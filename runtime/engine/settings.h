/* The settings of the outside world: option, environment, tend.lua, default, in this order, as one
 * packed map that runs keep and scripts see. Tokens in it are secret handles: names, not values.
 * May use: base/, lua/isolate.h; the environment. */
#ifndef TEND_ENGINE_SETTINGS_H
#define TEND_ENGINE_SETTINGS_H

#include "base/value.h"

/* `config`: path of tend.lua, or NULL for none. `home`: absolute; the default workspace lies beside
 * it. Appends the packed settings. TEND_EINPUT: tend.lua is wrong (file and line), TEND_EIO. */
int settings_read(const char *config, const char *home, struct buffer *out, struct error *err);
/* The same with what tend.lua would return, packed. */
int settings_complete(struct bytes config, const char *home, struct buffer *out, struct error *err);

#endif
