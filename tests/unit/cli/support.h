/* What the command line's tests share: the headers that cmocka wants first. */
#ifndef TEND_TEST_CLI_SUPPORT_H
#define TEND_TEST_CLI_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#endif
