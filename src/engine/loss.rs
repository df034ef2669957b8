use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::capture::DeviceError;

/// Where a media worker leaves word of a device that it lost, until somebody takes it.
#[derive(Debug, Clone, Default)]
pub struct Loss(Arc<ArcSwapOption<DeviceError>>);

impl Loss {
    /// Leaves word; what was there and nobody took is gone.
    pub fn leave(&self, error: DeviceError) {
        self.0.store(Some(Arc::new(error)));
    }

    /// The device was replaced: what became of it is of no interest any more.
    pub fn forget(&self) {
        self.0.store(None);
    }

    /// What was lost since this was last asked.
    pub fn take(&self) -> Option<DeviceError> {
        self.0.swap(None).map(Arc::unwrap_or_clone)
    }
}
