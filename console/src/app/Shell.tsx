// The frame around each page: rail, top bar, banners; for signed-in users only.
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet } from "@tanstack/react-router";
import { Menu as MenuIcon, PanelLeftClose, PanelLeftOpen } from "lucide-react";
import { Fragment, useState } from "react";
import { bootstrapQuery, useMay } from "@/api/session";
import { app } from "@/text/app";
import { nav } from "@/text/nav";
import { Counter } from "@/ui/Badge";
import { IconButton } from "@/ui/Button";
import { cx } from "@/ui/cx";
import { Toasts } from "@/ui/Toast";
import { Banners } from "./Banners";
import { Commands } from "./Commands";
import { useFailedViews } from "./failedViews";
import { PLACES } from "./nav";
import { SidePanel } from "./SidePanel";
import { SignInAgain } from "./SignInAgain";
import { TopBar } from "./TopBar";

const NARROW = "tailrace.rail.narrow";

export function Shell() {
  const [narrow, setNarrow] = useState(() => localStorage.getItem(NARROW) === "1");
  const [open, setOpen] = useState(false);
  const fold = () => {
    localStorage.setItem(NARROW, narrow ? "0" : "1");
    setNarrow(!narrow);
  };
  return (
    <div className="flex h-full flex-col">
      <a
        href="#page"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("page")?.focus();
        }}
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:bg-raised focus:p-2"
      >
        {app.skip}
      </a>
      <TopBar
        menu={
          <IconButton
            className="md:hidden"
            icon={MenuIcon}
            label={app.openNavigation}
            aria-expanded={open}
            onClick={() => setOpen(!open)}
          />
        }
      />
      <Banners />
      <div className="flex min-h-0 flex-1">
        <nav
          aria-label={nav.main}
          className={cx(
            "shrink-0 flex-col overflow-y-auto border-r border-line bg-surface py-1 md:flex",
            open ? "absolute top-11 bottom-0 z-30 flex shadow-xl" : "hidden",
            narrow && !open ? "w-11" : "w-44",
          )}
        >
          <Rail narrow={narrow && !open} onGo={() => setOpen(false)} />
          <div className="mt-auto hidden justify-end px-2 md:flex">
            <IconButton
              icon={narrow ? PanelLeftOpen : PanelLeftClose}
              label={narrow ? app.expand : app.collapse}
              onClick={fold}
            />
          </div>
        </nav>
        <main id="page" tabIndex={-1} className="min-w-0 flex-1 overflow-auto outline-none">
          <Outlet />
        </main>
        <SidePanel />
      </div>
      <Commands />
      <SignInAgain />
      <Toasts />
    </div>
  );
}

function Rail({ narrow, onGo }: { narrow: boolean; onGo: () => void }) {
  const may = useMay();
  const { data } = useQuery(bootstrapQuery);
  return (
    <>
      {PLACES.filter((place) => !place.needs || may(place.needs)).map((place) => (
        <Fragment key={place.to}>
          {place.apart && <hr className="mx-2 my-1 border-line" />}
          <Link
            to={place.to}
            activeOptions={{ exact: place.to === "/" }}
            onClick={onGo}
            title={narrow ? place.label : undefined}
            aria-label={narrow ? place.label : undefined}
            className="relative mx-1 flex min-h-8 items-center gap-2 rounded-md px-2.5 text-muted hover:bg-accent-soft hover:text-text data-[status=active]:bg-accent-soft data-[status=active]:font-medium data-[status=active]:text-text"
          >
            <place.icon aria-hidden size={16} className="shrink-0" />
            {!narrow && <span className="min-w-0 flex-1 truncate">{place.label}</span>}
            {place.to === "/views" && <FailedViews narrow={narrow} />}
          </Link>
        </Fragment>
      ))}
      {!narrow && data && (
        <p className="px-3.5 pt-2 text-xs text-muted">{app.version(data.version)}</p>
      )}
    </>
  );
}

/** The number of those that failed, in red; nothing while none has. */
function FailedViews({ narrow }: { narrow: boolean }) {
  const failed = useFailedViews();
  if (!failed) return null;
  return (
    <Counter label={app.failedViews(failed)} className={narrow ? "absolute top-0 right-0" : ""}>
      {failed}
    </Counter>
  );
}
