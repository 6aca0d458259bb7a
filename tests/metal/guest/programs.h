// The programs of the test kernel.
#pragma once

namespace guest {}
