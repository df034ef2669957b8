//! What a screen reader finds in a window: its elements by name, over AT-SPI on a bus of its own.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use zbus::Connection;
use zbus::zvariant::OwnedObjectPath;

use crate::support::program::Program;

/// The place of an AT-SPI state among the bits.
const FOCUSED: u32 = 12;
/// Counted from the window's corner.
const IN_WINDOW: u32 = 1;
/// No answer of a bus takes as long on any computer.
const PATIENCE: Duration = Duration::from_secs(20);

type Place = (String, OwnedObjectPath);
/// An element, its application and its parent, its index, how many children, what it can do, its
/// name, role, description, and states.
type CacheItem = (
    Place,
    Place,
    Place,
    i32,
    i32,
    Vec<String>,
    String,
    u32,
    String,
    Vec<u32>,
);

/// A part of a window that has a name.
#[derive(Debug, Clone)]
pub struct Element {
    pub name: String,
    pub focused: bool,
    place: Place,
}

/// A session bus as a desktop has one, with assistive technology turned on.
pub struct Reader {
    runtime: tokio::runtime::Runtime,
    session: Connection,
    elements: Option<Connection>,
    address: String,
    _bus: Program,
}

impl Reader {
    /// Starts the bus. What its services keep, they keep in the home of `environment`.
    pub fn start(environment: &HashMap<String, String>) -> Self {
        // The system may have a keyring, and ask a person who is not there to unlock it.
        let services = Path::new(&environment["HOME"]).join(".local/share/dbus-1/services");
        std::fs::create_dir_all(&services).expect("our folder");
        let none = "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/false\n";
        let file = services.join("org.freedesktop.secrets.service");
        std::fs::write(file, none).expect("our folder");
        let mut command = Command::new("dbus-daemon");
        command.envs(environment).env_remove("XDG_DATA_HOME").args([
            "--session",
            "--nofork",
            "--print-address=1",
        ]);
        let mut bus = Program::start("dbus-daemon", command);
        let address = bus.wait_for("unix:").trim().to_owned();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime");
        let session = in_time(&runtime, connect(&address));
        Self {
            runtime,
            session,
            elements: None,
            address,
            _bus: bus,
        }
    }

    /// What programs of this desktop find the bus by.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Every element of the one window there is; empty until there is one.
    pub fn elements(&mut self) -> Vec<Element> {
        let elements = match &self.elements {
            Some(elements) => elements.clone(),
            None => {
                let elements = in_time(&self.runtime, turn_on(&self.session));
                self.elements.insert(elements).clone()
            }
        };
        let items = in_time(&self.runtime, async {
            let Some(app) = first_app(&elements).await? else {
                return Ok(Vec::new());
            };
            let path = "/org/a11y/atspi/cache";
            let interface = Some("org.a11y.atspi.Cache");
            let reply = elements
                .call_method(Some(app.as_str()), path, interface, "GetItems", &())
                .await;
            match reply {
                Ok(reply) => reply.body().deserialize::<Vec<CacheItem>>(),
                Err(error) if is_not_there(&error) => Ok(Vec::new()),
                Err(error) => Err(error),
            }
        });
        items
            .into_iter()
            .map(|(place, _, _, _, _, _, name, _, _, states)| Element {
                name,
                focused: states.first().is_some_and(|bits| bits >> FOCUSED & 1 == 1),
                place,
            })
            .collect()
    }

    /// Where an element is in its window, in pixels: left, top, width, height. None if it has gone.
    pub fn place(&self, element: &Element) -> Option<[i32; 4]> {
        let elements = self.elements.as_ref()?;
        let (app, path) = &element.place;
        let asked = async {
            let reply = elements
                .call_method(
                    Some(app.as_str()),
                    path,
                    Some("org.a11y.atspi.Component"),
                    "GetExtents",
                    &IN_WINDOW,
                )
                .await?;
            reply.body().deserialize::<((i32, i32, i32, i32),)>()
        };
        let found = self
            .runtime
            .block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        let ((left, top, width, height),) = found.expect("the window answers").ok()?;
        Some([left, top, width, height])
    }
}

#[track_caller]
fn in_time<T>(
    runtime: &tokio::runtime::Runtime,
    asked: impl Future<Output = zbus::Result<T>>,
) -> T {
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    answered
        .expect("the bus answers")
        .expect("the bus answers well")
}

/// A program shows itself a moment before what is in it, and is known a moment longer than it is there.
fn is_not_there(error: &zbus::Error) -> bool {
    let zbus::Error::MethodError(name, _, _) = error else {
        return false;
    };
    matches!(
        name.as_str(),
        "org.freedesktop.DBus.Error.UnknownObject"
            | "org.freedesktop.DBus.Error.ServiceUnknown"
            | "org.freedesktop.DBus.Error.NameHasNoOwner"
    )
}

async fn connect(address: &str) -> zbus::Result<Connection> {
    zbus::connection::Builder::address(address)?.build().await
}

/// Tells programs that somebody reads their windows; gives the bus where they show what is in them.
async fn turn_on(session: &Connection) -> zbus::Result<Connection> {
    let (name, path) = ("org.a11y.Bus", "/org/a11y/bus");
    let reply = session
        .call_method(Some(name), path, Some(name), "GetAddress", &())
        .await?;
    let elements = connect(&reply.body().deserialize::<String>()?).await?;
    let on = zbus::zvariant::Value::from(true);
    session
        .call_method(
            Some(name),
            path,
            Some("org.freedesktop.DBus.Properties"),
            "Set",
            &("org.a11y.Status", "IsEnabled", on),
        )
        .await?;
    Ok(elements)
}

async fn first_app(elements: &Connection) -> zbus::Result<Option<String>> {
    let reply = elements
        .call_method(
            Some("org.a11y.atspi.Registry"),
            "/org/a11y/atspi/accessible/root",
            Some("org.a11y.atspi.Accessible"),
            "GetChildren",
            &(),
        )
        .await?;
    let apps = reply.body().deserialize::<Vec<Place>>()?;
    Ok(apps.into_iter().next().map(|(app, _)| app))
}
